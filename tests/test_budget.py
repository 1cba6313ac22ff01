"""What is computed from a model's constants and sizes has a budget, and is known before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.errors import Unsupported
from gru_lower.frameworks import keras
from gru_lower.graph import budget
from gru_lower.graph.facts import Facts
from gru_lower.graph.known_zeros import is_zero
from gru_lower.graph.model import Model
from gru_lower.graph.result_sizes import result_elements
from gru_lower.graph.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

HUGE = 2**17


@pytest.fixture(autouse=True)
def no_budget_of_another_model() -> Iterator[None]:
    """Let no test spend what another one was given."""
    with budget.of_one_call():
        budget.begin(lambda: 0)
        yield


def beside_a_gru(nodes: list[NodeProto], constants: dict[str, Any]) -> ModelProto:
    model = zoo.gru_model(initializers=zoo.weights().values(), opset=17)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


def zeros(shape: str, name: str) -> NodeProto:
    return helper.make_node("ConstantOfShape", [shape], [name])


def filled(value: float) -> TensorProto:
    return numpy_helper.from_array(np.array([value], np.float32))


def int64(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


GROWING: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
    "Tile": ([zeros("a", "z"), helper.make_node("Tile", ["z", "b"], ["r"])], {"a": int64(HUGE), "b": int64(HUGE)}),
    "Expand": (
        [zeros("a", "z"), helper.make_node("Expand", ["z", "b"], ["r"])],
        {"a": int64(1, HUGE), "b": int64(HUGE, 1)},
    ),
    "Add": (
        [zeros("a", "y"), zeros("b", "z"), helper.make_node("Add", ["y", "z"], ["r"])],
        {"a": int64(HUGE, 1), "b": int64(1, HUGE)},
    ),
    "Equal": (
        [zeros("a", "y"), zeros("b", "z"), helper.make_node("Equal", ["y", "z"], ["r"])],
        {"a": int64(HUGE, 1), "b": int64(1, HUGE)},
    ),
    "Where": (
        [zeros("a", "y"), zeros("b", "z"), helper.make_node("Where", ["c", "y", "z"], ["r"])],
        {"a": int64(HUGE, 1), "b": int64(1, HUGE), "c": np.array(True)},  # noqa: FBT003 - an array
    ),
    "Range": (
        [
            helper.make_node(
                "ConstantOfShape", ["a"], ["step"], value=numpy_helper.from_array(np.array([1e-11], np.float32))
            ),
            helper.make_node("Range", ["b", "c", "step"], ["r"]),
        ],
        {"a": int64(), "b": np.float32(0), "c": np.float32(1)},
    ),
    "Gather": (
        [
            zeros("a", "y"),
            zeros("b", "z"),
            helper.make_node("Cast", ["z"], ["i"], to=TensorProto.INT64),
            helper.make_node("Gather", ["y", "i"], ["r"]),
        ],
        {"a": int64(2, HUGE), "b": int64(HUGE)},
    ),
    "ConstantOfShape": ([zeros("a", "r")], {"a": int64(2**40, 2**40)}),
}


@pytest.mark.parametrize("what", GROWING)
@pytest.mark.parametrize("passes", ["fold-shapes,lower-gru", "fuse-gru"])
def test_what_would_grow_beyond_the_budget_is_left_to_run(what: str, passes: str) -> None:
    nodes, constants = GROWING[what]
    result = gru_lower.lower(beside_a_gru(nodes, constants), passes=passes, verify=False)
    assert nodes[-1].op_type in {node.op_type for node in result.model.graph.node}


def test_sizes_of_results_are_known_before() -> None:
    a, b = np.zeros((3, 1)), np.zeros((1, 4))
    assert result_elements(helper.make_node("Add", ["a", "b"], ["c"]), [a, b]) == 12
    assert result_elements(helper.make_node("Tile", ["a", "b"], ["c"]), [a, int64(2, 5)]) == 30
    assert result_elements(helper.make_node("Pad", ["a", "b"], ["c"]), [a, int64(1, 0, 0, 0)]) >= 4
    assert result_elements(helper.make_node("Range", ["a", "b", "c"], ["d"]), [*map(np.array, (0, 10, 3))]) == 4
    assert result_elements(helper.make_node("Concat", ["a", "b"], ["c"]), [np.zeros(3), np.zeros(4)]) == 7
    assert result_elements(helper.make_node("TopK", ["a", "k"], ["v", "i"]), [a.T, int64(2)]) == 2
    assert result_elements(helper.make_node("Conv", ["a", "b"], ["c"], pads=[1, 1]), [np.zeros((1, 2, 3)), a]) >= 9


LENGTHS: dict[str, dict[str, Any]] = {
    "TopK": {"k": 2**31 - 1},
    "Split": {"num_outputs": 2**31 - 1},
    "Upsample": {"scales": [2.0**20, 2.0**20]},
    "MaxPool": {"kernel_shape": [1], "pads": [2**30, 2**30]},
    "HannWindow": {},
    "RandomNormal": {"shape": [2**20, 2**20]},
}


@pytest.mark.parametrize("op_type", LENGTHS)
def test_lengths_that_attributes_give_count(op_type: str) -> None:
    node = helper.make_node(op_type, ["a"], ["b"], **LENGTHS[op_type])
    given = np.array(2**31) if op_type == "HannWindow" else np.ones((2, 2))
    assert result_elements(node, [given]) >= 2**31 - 1


def declared(hidden: int, batch: int = 2, steps: int = 12) -> ModelProto:
    """Return a GRU whose weights are inputs of any size."""
    model = zoo.gru_model(inputs=["X", "W", "R"], hidden_size=hidden, opset=17)
    for value, dims in zip(
        model.graph.input, ([steps, batch, 3], [1, 3 * hidden, 3], [1, 3 * hidden, hidden]), strict=False
    ):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, dims))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(model.graph.node[0].output[0], TensorProto.FLOAT, None))
    return model


@pytest.mark.parametrize("form", ["scan", "loop"])
@pytest.mark.parametrize(("hidden", "batch"), [(10**9, 2), (2**60, 2), (1000, 10**9), (1000, 2**50)])
def test_a_declared_size_is_no_reason_to_take_memory(form: Any, hidden: int, batch: int) -> None:
    with pytest.raises(Unsupported, match="more than is computed") as caught:
        gru_lower.lower(declared(hidden, batch), form=form, verify=False)
    assert caught.value.code == "GL017"


def test_weights_that_double_again_and_again_are_not_unpacked() -> None:
    nodes = [helper.make_node("Concat", [f"w{i}", f"w{i}"], [f"w{i + 1}"], axis=0) for i in range(30)]
    nodes.append(helper.make_node("Slice", ["w30", "zero", "one"], ["W"]))
    model = zoo.gru_model(initializers=zoo.weights().values(), inputs=["X", "W", "R"], opset=17)
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "W")
    weight.name = "w0"
    model.graph.initializer.extend(
        [numpy_helper.from_array(int64(0), "zero"), numpy_helper.from_array(int64(1), "one")]
    )
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    with pytest.raises(Unsupported) as caught:
        keras.to_weights(model)
    assert caught.value.code == "GL605"


def test_whether_a_value_is_zero_visits_each_node_once() -> None:
    nodes = [zeros("a", "z0"), *(helper.make_node("Concat", [f"z{i}"] * 2, [f"z{i + 1}"], axis=0) for i in range(300))]
    model = beside_a_gru(nodes, {"a": int64(1)})
    scope = next(walk(model))
    assert is_zero(Facts(Model(model)), scope, "z300")
    model.graph.node[0].attribute.append(helper.make_attribute("value", filled(1)))
    assert not is_zero(Facts(Model(model)), next(walk(model)), "z300")


def test_the_budget_is_one_for_all_that_is_computed_and_grows_with_the_model() -> None:
    small, large = budget.Budget(), budget.Budget(lambda: 2**30)
    for _ in range(7):
        small.spend(2**23)
    with pytest.raises(budget.OverBudgetError):
        small.spend(2**23, 32)
    assert len(small.exceeded) == 1
    large.spend(2**28)
    with pytest.raises(budget.OverBudgetError):
        large.spend(2**60)


@pytest.mark.parametrize(
    ("elem_type", "dims", "code"),
    [
        (TensorProto.FLOAT, [2**62, 2**62, 3], "GL017"),
        (TensorProto.FLOAT, [10**9, 10**9, 3], "GL017"),
        (TensorProto.FLOAT, [-1, 2, 3], "GL008"),
        (99, [5, 2, 3], "GL008"),
    ],
)
def test_an_input_becomes_no_constant_beyond_the_budget(elem_type: int, dims: list[int], code: str) -> None:
    model = zoo.gru_model(shape={"X": dims}, types={"X": elem_type})
    with pytest.raises(Unsupported) as caught:
        gru_lower.lower(model, set={"X": 1.0}, verify=False)
    assert caught.value.code == code


def test_what_one_call_took_is_no_other_ones() -> None:
    with budget.of_one_call():
        budget.begin(lambda: 0).process_seconds = 0.0
        gru_lower.inspect(beside_a_gru([], {}))
        assert budget.current().process_seconds == 0.0
