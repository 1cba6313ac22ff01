"""Two GRUs over one input that become one bidirectional GRU."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, version_converter

import gru_lower
from gru_lower.gru import reference
from lowering import lower, run
from masked_loops import H, I, Nodes
from spelling import spell
from spelling.judge import largest_difference

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, np.dtype[Any]]
T, B = 5, 3


def weights(direction: int) -> dict[str, Array]:
    rng = np.random.default_rng(direction)
    shapes = {"W": (1, 3 * H, I), "R": (1, 3 * H, H), "B": (1, 6 * H)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def two(
    *,
    lbr: int = 1,
    lens: bool = False,
    initial: str = "",
    layout: str = "time",
    outputs: tuple[str, ...] = ("Y",),
    reverse: dict[str, Any] | None = None,
    twice: bool = False,
) -> onnx.ModelProto:
    """Write a forward and a reverse GRU; outputs: Y and Y_h on the features, "apart" the last states, "fw" Y alone."""
    e = Nodes("n_")
    made, names = [], []
    for d in (0, 1):
        given = {name: f"{name}_{d}" for name in weights(d)}
        e.initializers += [numpy_helper.from_array(array, given[name]) for name, array in weights(d).items()]
        x = e("Transpose", "x", perm=[1, 0, 2]) if twice else "x"
        h0 = f"h0_{d}" if initial in ("both", "one"[: 3 * (1 - d)]) and initial else ""
        attributes: dict[str, Any] = {"hidden_size": H, "linear_before_reset": lbr}
        attributes |= {"direction": "reverse"} | (reverse or {}) if d else {}
        inputs = [x, given["W"], given["R"], given["B"], "lens" if lens else "", h0]
        made.append(e("GRU", *inputs, outputs=2, **attributes))
        names += [h0] if h0 else []
    squeezed = [e("Squeeze", y, e.const([1])) for y, _ in made]
    lasts = [e("Squeeze", y_h, e.const([0])) for _, y_h in made]
    if layout == "batch":
        squeezed = [e("Transpose", value, perm=[1, 0, 2]) for value in squeezed]
    values: dict[str, Callable[[], str]] = {
        "Y": lambda: str(e("Concat", *squeezed, axis=2)),
        "turned": lambda: str(e("Transpose", e("Concat", *squeezed, axis=-1), perm=[1, 0, 2])),
        "Y_h": lambda: str(e("Concat", *lasts, axis=1)),
        "first": lambda: str(lasts[0]),
        "second": lambda: str(lasts[1]),
        "fw": lambda: str(squeezed[0]),
        "backwards": lambda: str(e("Concat", *reversed(squeezed), axis=2)),
    }
    for name in outputs:
        e.nodes.append(helper.make_node("Identity", [values[name]()], [name]))
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", "T", I] if twice else ["T", "B", I])]
    infos += [helper.make_tensor_value_info("lens", TensorProto.INT32, ["B"])] if lens else []
    infos += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "B", H]) for name in names]
    ranks = {"Y_h": 2, "first": 2, "second": 2}
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * ranks.get(name, 3)) for name in outputs]
    graph = helper.make_graph(e.nodes, "two", infos, outs, e.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def joined(model: onnx.ModelProto) -> onnx.ModelProto:
    made, _ = lower(model, "join-directions")
    onnx.checker.check_model(made, full_check=True)
    return made


def directions(model: onnx.ModelProto) -> list[str]:
    grus = [node for node in model.graph.node if node.op_type == "GRU"]
    return [next((a.s.decode() for a in node.attribute if a.name == "direction"), "forward") for node in grus]


def feeds(model: onnx.ModelProto, lens: list[int]) -> dict[str, Array]:
    rng = np.random.default_rng(len(lens))
    sizes = {"T": T, "B": len(lens)}
    fed: dict[str, Array] = {}
    for value in model.graph.input:
        dims = [sizes.get(dim.dim_param, dim.dim_value) for dim in value.type.tensor_type.shape.dim]
        drawn = np.array(lens, np.int32) if value.name == "lens" else rng.normal(size=dims).astype(np.float32)
        fed[value.name] = drawn
    return fed


@pytest.mark.parametrize("layout", ["time", "batch"])
@pytest.mark.parametrize(("lbr", "lens", "initial"), list(product((0, 1), (False, True), ("", "both"))))
def test_both_directions_become_one(layout: str, lbr: int, *, lens: bool, initial: str) -> None:
    outputs = ("Y", "Y_h")
    model = two(lbr=lbr, lens=lens, initial=initial, layout=layout, outputs=outputs)
    made = joined(model)
    assert directions(made) == ["bidirectional"]
    assert len(made.graph.node) < len(model.graph.node)
    for lengths in ([5, 2, 0], [1], [5, 5]):
        fed = feeds(model, lengths)
        both = [weights(d) for d in (0, 1)]
        Y, Y_h = reference.gru(
            fed["x"],
            np.concatenate([w["W"] for w in both]),
            np.concatenate([w["R"] for w in both]),
            np.concatenate([w["B"] for w in both]),
            sequence_lens=fed["lens"] if lens else None,
            initial_h=np.concatenate([fed["h0_0"], fed["h0_1"]]) if initial else None,
            direction="bidirectional",
            linear_before_reset=lbr,
        )
        wanted = np.concatenate([Y[:, 0], Y[:, 1]], axis=2)
        wanted = wanted.transpose(1, 0, 2) if layout == "batch" else wanted
        actual = run(made, fed)
        assert np.abs(actual["Y"] - wanted).max() < 1e-5
        assert np.abs(actual["Y_h"] - np.concatenate(list(Y_h), axis=1)).max() < 1e-5


@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize("outputs", [("turned", "first", "second"), ("Y", "fw"), ("Y", "first"), ("Y_h",), ("Y",)])
def test_other_uses_keep_their_values(outputs: tuple[str, ...], opset: int) -> None:
    model = version_converter.convert_version(two(outputs=outputs, twice=True), opset)
    made = joined(model)
    assert len(made.graph.node) <= len(model.graph.node)
    fed = feeds(model, [5, 5, 5])
    before, after = run(model, fed), run(made, fed)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(value, after[name])
    assert directions(made) == ["bidirectional"]


@pytest.mark.parametrize(
    "how",
    [
        {"initial": "one"},
        {"reverse": {"linear_before_reset": 0}},
        {"reverse": {"clip": 1.0}},
        {"reverse": {"direction": "forward"}},
        {"outputs": ("backwards",)},
        {"outputs": ("first", "second")},
    ],
)
def test_what_does_not_fit_stays(how: dict[str, Any]) -> None:
    model = two(**how)
    assert joined(model) == model


def test_activations_may_differ() -> None:
    reverse = {"activations": ["HardSigmoid", "LeakyRelu"], "activation_alpha": [0.25, 0.125], "activation_beta": [0.5]}
    model = two(reverse=reverse, outputs=("Y", "Y_h"))
    made = joined(model)
    assert directions(made) == ["bidirectional"]
    fed = feeds(model, [5, 5])
    for name, value in run(model, fed).items():
        assert np.abs(value - run(made, fed)[name]).max() < 1e-6


def test_fusing_joins_directions() -> None:
    spelled = spell(6, "scan", structure="bidirectional", directions="joined", wrapper="none")
    result = gru_lower.fuse(spelled.model)
    assert directions(result.model) == ["bidirectional"]
    assert result.report.verification.status == "equivalent"
    assert largest_difference(spelled, result.model) < 1e-5
