"""What a fused loop meant stays what it means: noise, first conditions, empty axes, values of scopes around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.errors import Remaining
from gru_lower.graph.model import Model
from gru_lower.graph.random_nodes import RandomNodes
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru
from gru_lower.verification.result import Verification
from tests.test_fuse_split import B, H, I, T, cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto, ValueInfoProto

    from gru_lower.rewriting.result import Result
    from gru_lower.verification.sites.site import SitePair

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RNG = np.random.default_rng(0)
WEIGHTS = {
    name: (RNG.standard_normal(shape) / 2).astype(np.float32)
    for name, shape in {"W": (I, 3 * H), "R": (H, 3 * H), "b": (3 * H,), "c": (3 * H,), "P": (I, H)}.items()
}
NOISE: dict[str, list[NodeProto]] = {
    "RandomNormalLike": [helper.make_node("RandomNormalLike", ["given"], ["e"])],
    "RandomUniformLike": [helper.make_node("RandomUniformLike", ["given"], ["e"])],
    "RandomNormal": [helper.make_node("RandomNormal", [], ["e"], shape=[B, I])],
    "RandomUniform": [helper.make_node("RandomUniform", [], ["e"], shape=[B, I])],
    "Bernoulli": [helper.make_node("Sigmoid", ["given"], ["p"]), helper.make_node("Bernoulli", ["p"], ["e"])],
    "Multinomial": [
        helper.make_node("Multinomial", ["given"], ["drawn"], sample_size=I),
        helper.make_node("Cast", ["drawn"], ["e"], to=FLOAT),
    ],
    "Dropout": [helper.make_node("Dropout", ["given", "half", "yes"], ["e"])],
    "If": [
        helper.make_node(
            "If",
            ["yes"],
            ["e"],
            then_branch=helper.make_graph(
                [helper.make_node("RandomNormalLike", ["given"], ["e1"])],
                "then",
                [],
                [helper.make_tensor_value_info("e1", FLOAT, None)],
            ),
            else_branch=helper.make_graph(
                [helper.make_node("Identity", ["given"], ["e2"])],
                "else",
                [],
                [helper.make_tensor_value_info("e2", FLOAT, None)],
            ),
        )
    ],
    "function": [helper.make_node("Noise", ["given"], ["e"], domain="own")],
}


def node(op_type: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:  # noqa: ANN401 - any attribute
    """Return a node, its inputs and outputs given as words."""
    return helper.make_node(op_type, inputs.split(), outputs.split(), **attributes)


def info(name: str, kind: int = FLOAT, shape: Sequence[int | str] | None = None) -> ValueInfoProto:
    """Return a value's declaration."""
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[str],
    constants: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    """Return a model."""
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in (WEIGHTS | (constants or {})).items()]
    ranks = {"last": 2, "Z": 4}
    declared = [info(name, shape=[f"{name}{axis}" for axis in range(ranks.get(name, 3))]) for name in outputs]
    graph = helper.make_graph(nodes, "model", inputs, declared, tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def scan_of(nodes: Sequence[NodeProto], step: str = "x", outputs: Sequence[str] = ("Ht",)) -> NodeProto:
    """Return a Scan over X whose body makes Ht, given out in every step."""
    copies = [node("Identity", name, f"{name}/out") for name in outputs]
    results = [info("Ht"), *(info(f"{name}/out") for name in outputs)]
    body = helper.make_graph([*nodes, *copies], "body", [info("Ht_1"), info(step)], results)
    made = ["last", *(f"all_{name}" for name in outputs)]
    return helper.make_node("Scan", ["h0", "X"], made, body=body, num_scan_inputs=1)


def loop_of(nodes: Sequence[NodeProto], trips: str, condition: str, step: str = "x", more: Sequence[str] = ()) -> NodeProto:
    """Return a Loop over X whose body makes Ht, given out in every step."""
    copies = [node("Identity", name, f"{name}/out") for name in ("Ht", *more)]
    body = helper.make_graph(
        [node("Gather", "X i", step), *nodes, node("Identity", "going", "still"), *copies],
        "body",
        [info("i", INT64, []), info("going", BOOL, []), info("Ht_1")],
        [info("still", BOOL, []), info("Ht"), info("Ht/out"), *(info(f"{name}/out") for name in more)],
    )
    outputs = ["last", "all_Ht", *(f"all_{name}" for name in more)]
    return helper.make_node("Loop", [trips, condition, "h0"], outputs, body=body)


def whole_inputs(time: int | str = T, batch: int | str = B) -> list[ValueInfoProto]:
    """Return X and h0."""
    return [info("X", shape=[time, batch, I]), info("h0", shape=[batch, H])]


def grus(model: onnx.ModelProto) -> int:
    """Return how many GRUs there are in all scopes."""
    return sum(is_onnx(each, "GRU") for scope in walk(model) for each in scope.nodes)


def codes(result: Result) -> list[str]:
    """Return the codes of what a report says."""
    return [each.code for each in result.report.diagnostics]


# -- noise ---------------------------------------------------------------------------------------------------------


def noisy(kind: str, carrier: str, *, linear: bool) -> onnx.ModelProto:
    """Return a loop whose states and outputs need the same noise."""
    noise = [
        *NOISE[kind],
        node("Add", "given e", "xe"),
        node("Identity" if linear else "Relu", "xe", "x"),
        *cell(),
        node("MatMul", "e P", "pe"),
        node("Mul", "Ht_1 pe", "o"),
    ]
    loop = (
        scan_of(noise, "given", ("Ht", "o")) if carrier == "Scan" else loop_of(noise, "trips", "", "given", more=("o",))
    )
    constants = {"half": np.float32(0.5), "yes": np.array(True), "trips": np.array(T)}
    model = model_of([loop], whole_inputs(), ["last", "all_Ht", "all_o"], constants)
    function = helper.make_function(
        "own", "Noise", ["a"], ["b"], [node("RandomNormalLike", "a", "b")], [helper.make_opsetid("", 17)]
    )
    model.functions.append(function)
    return model


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("carrier", ["Scan", "Loop"])
@pytest.mark.parametrize("kind", NOISE)
def test_noise_is_drawn_once(kind: str, carrier: str, *, linear: bool) -> None:
    model = noisy(kind, carrier, linear=linear)
    fused = gru_lower.fuse(model, verify=False).model
    random = RandomNodes(fused)

    def drawing(scope_model: onnx.ModelProto) -> int:
        return sum(
            random.draws(each) and each.op_type not in ("Loop", "Scan", "If")
            for scope in walk(scope_model)
            for each in scope.nodes
        )

    assert drawing(fused) == drawing(model)


def test_noise_that_only_outputs_need_moves_with_them() -> None:
    nodes = [*cell(), node("RandomNormalLike", "Ht", "e"), node("Add", "Ht e", "o")]
    result = gru_lower.fuse(model_of([scan_of(nodes, outputs=("o",))], whole_inputs(), ["last", "all_o"]), verify=False)
    assert grus(result.model) == 1


def test_dropout_in_training_mode_is_no_identity() -> None:
    nodes = [node("Dropout", "Ht_1 half yes", "kept"), *cell()]
    for each in nodes[1:]:
        each.input[:] = ["kept" if name == "Ht_1" else name for name in each.input]
    for training, expected in ((True, 0), (False, 1)):
        constants = {"half": np.float32(0.5), "yes": np.array(training)}
        model = model_of([scan_of(nodes)], whole_inputs(), ["last"], constants)
        assert grus(gru_lower.fuse(model, verify=False).model) == expected


# -- scopes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_function", [False, True])
@pytest.mark.parametrize("carrier", ["Scan", "Loop"])
def test_a_step_in_a_loop_that_goes_is_not_counted(carrier: str, *, as_function: bool) -> None:
    nodes = cell()
    if as_function:
        nodes = [node("Step", "x Ht_1 W R b c", "Ht", domain="own")]
    loop = scan_of(nodes) if carrier == "Scan" else loop_of(nodes, "trips", "")
    model = model_of([loop], whole_inputs(), ["last", "all_Ht"], {"trips": np.array(T)})
    if as_function:
        given = ["x", "Ht_1", "W", "R", "b", "c"]
        model.functions.append(helper.make_function("own", "Step", given, ["Ht"], cell(), [helper.make_opsetid("", 17)]))
    result = gru_lower.fuse(model, steps=True)
    assert [site.action for site in result.report.sites].count("fused") == 1
    assert grus(result.model) == 1
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("verify", [False, True])
def test_a_gru_in_a_branch_finds_the_states_of_one_around_it(*, verify: bool) -> None:
    shapes = {"W1": (1, 3 * H, I), "R1": (1, 3 * H, H), "W2": (1, 3 * H, H), "R2": (1, 3 * H, H)}
    weights = {name: (RNG.standard_normal(shape) / 2).astype(np.float32) for name, shape in shapes.items()}
    then = helper.make_graph([node("GRU", "S W2 R2", "Y2", hidden_size=H)], "then", [], [info("Y2", shape=[T, 1, B, H])])
    other = helper.make_graph([node("Identity", "Y", "E")], "other", [], [info("E", shape=[T, 1, B, H])])
    nodes = [
        node("GRU", "X W1 R1", "Y", hidden_size=H),
        node("Squeeze", "Y one", "S"),
        node("ReduceSum", "X", "q", keepdims=0),
        node("Greater", "q zero", "chosen"),
        helper.make_node("If", ["chosen"], ["Z"], then_branch=then, else_branch=other),
    ]
    model = model_of(nodes, whole_inputs()[:1], ["Z"], {**weights, "one": np.array([1]), "zero": np.float32(0)})
    lowered = gru_lower.lower(model, form="unroll", verify=False).model
    result = gru_lower.fuse(lowered, verify=verify)
    onnx.checker.check_model(result.model, full_check=True)
    assert grus(result.model) == 2
    assert "GL803" not in codes(result)
    x = np.abs(RNG.standard_normal((T, B, I))).astype(np.float32)
    (before,), (after,) = (_run(each, {"X": x}) for each in (lowered, result.model))
    np.testing.assert_allclose(after, before, atol=1e-5)


def _run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


# -- tests of regions ----------------------------------------------------------------------------------------------


def pairs_of(model: onnx.ModelProto) -> list[SitePair]:
    """Return the pairs that fuse would run."""
    seen: list[SitePair] = []

    def judge(pair: SitePair) -> Verification:
        seen.append(pair)
        return Verification("equivalent", "site")

    FuseGru().run(Model(model), Context(judge=judge))
    return seen


def test_weights_behind_a_dequantizelinear_are_not_drawn() -> None:
    nodes = [
        node("DequantizeLinear", "R8 scale", "R"),
        node("Mul", "b8 scale", "b"),
        scan_of(cell()),
    ]
    constants = {"R8": RNG.integers(-128, 128, (H, 3 * H)).astype(np.int8), "scale": np.float32(0.01)}
    constants["b8"] = np.full(3 * H, 3, np.float32)
    model = model_of(nodes, whole_inputs(), ["last", "all_Ht"], constants)
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in ("R", "b")]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    (pair,) = pairs_of(model)
    assert {value.name for value in pair.original.graph.input} == {"X", "h0"}
    result = gru_lower.fuse(model)
    assert "GL803" not in codes(result)
    assert grus(result.model) == 1


# -- first conditions and numbers of steps -----------------------------------------------------------------------------

LENGTH = [node("Shape", "X", "shape"), node("Gather", "shape first", "length")]
CONDITIONS: dict[str, tuple[list[NodeProto], str, str, bool]] = {
    "always": ([*LENGTH], "length", "", True),
    "0 < T": ([*LENGTH, node("Less", "first length", "asked")], "length", "asked", True),
    "T > 0": ([*LENGTH, node("Greater", "length first", "asked")], "length", "asked", True),
    "3 < T": ([*LENGTH, node("Less", "three length", "asked")], "length", "asked", False),
    "0 < T and 3 < T": (
        [
            *LENGTH,
            node("Less", "first length", "a"),
            node("Less", "three length", "b_"),
            node("And", "a b_", "asked"),
        ],
        "length",
        "asked",
        False,
    ),
    "an input": ([*LENGTH], "length", "flag", False),
    "of data": (
        [*LENGTH, node("ReduceMax", "X", "most", keepdims=0), node("Greater", "most zero", "asked")],
        "length",
        "asked",
        False,
    ),
    "n": ([], "n", "", False),
    "n, cast": ([node("Cast", "n", "n32", to=TensorProto.INT32), node("Cast", "n32", "n64", to=INT64)], "n64", "", False),
    "T - 1": ([*LENGTH, node("Sub", "length one", "fewer")], "fewer", "", False),
    "min(n, T)": ([*LENGTH, node("Min", "n length", "fewer")], "fewer", "", False),
    "min(max(n, 1), T)": ([*LENGTH, node("Max", "n one", "some"), node("Min", "some length", "fewer")], "fewer", "", True),
    "none": ([], "none", "", False),
    "less than none": ([], "minus", "", False),
    "false": ([*LENGTH], "length", "no", False),
}


def with_condition(kind: str) -> tuple[onnx.ModelProto, bool]:
    """Return a Loop with one of the conditions and trip counts, and whether it is sure to take a step."""
    nodes, trips, condition, sure = CONDITIONS[kind]
    constants = {"first": np.array(0), "three": np.array(3), "one": np.array(1), "zero": np.float32(100)}
    constants |= {"none": np.array(0), "minus": np.array(-2), "no": np.array(False)}
    inputs = [*whole_inputs("T", B), info("n", INT64, []), info("flag", BOOL, [])]
    return model_of([*nodes, loop_of(cell(), trips, condition)], inputs, ["last", "all_Ht"], constants), sure


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_loop_that_may_take_no_step_stays(kind: str) -> None:
    model, sure = with_condition(kind)
    result = gru_lower.fuse(model, verify=False)
    assert grus(result.model) == sure
    assert sure or {"GL801", "GL802"} & set(codes(result)), "it is said why"


# -- empty axes ----------------------------------------------------------------------------------------------------


def dynamic_loop(time: int | str = "T", batch: int | str = "N", *, reverse: bool = False, h0: bool = True) -> onnx.ModelProto:
    """Return a Loop over sequences of any length."""
    loop, nodes = loop_of(cell(), "length", ""), [*LENGTH, node("Sub", "length one", "end")]
    inputs = whole_inputs(time, batch)
    if reverse:
        body = loop.attribute[0].g
        body.node[0].input[1] = "at"
        body.node.insert(0, node("Sub", "end i", "at"))
    if not h0:
        nodes += [node("Gather", "shape one", "batch"), node("Reshape", "batch unit", "batch1")]
        nodes += [node("Concat", "batch1 width", "state_shape", axis=0), node("ConstantOfShape", "state_shape", "h0")]
        inputs = inputs[:1]
    constants = {"first": np.array(0), "one": np.array(1), "unit": np.array([1]), "width": np.array([H])}
    return model_of([*nodes, loop], inputs, ["last", "all_Ht"], constants)


@pytest.mark.parametrize(
    ("time", "batch", "needed"),
    [("T", "N", ["T >= 1", "B >= 1"]), ("T", B, ["T >= 1"]), (T, "N", ["B >= 1"]), (T, B, [])],
)
def test_empty_axes_that_a_loop_took_are_warned_of(time: int | str, batch: int | str, needed: list[str]) -> None:
    result = gru_lower.fuse(dynamic_loop(time, batch), require=1)
    (site,) = result.report.sites
    assert site.to_json().get("preconditions", []) == needed
    assert codes(result) == ["GL808"] * bool(needed)
    assert all(each in result.report.diagnostics[0].message for each in needed)


def test_of_a_scan_only_empty_batches_are_warned_of() -> None:
    def fused(time: int | str, batch: int | str) -> Result:
        return gru_lower.fuse(model_of([scan_of(cell())], whole_inputs(time, batch), ["last", "all_Ht"]), require=1)

    result = fused("T", B)  # onnxruntime's own Scan takes no empty sequences
    assert codes(result) == []
    assert result.report.sites[0].preconditions == ["T >= 1"]
    assert codes(fused(T, "N")) == ["GL808"]


def test_of_unrolled_cells_nothing_is_warned_of() -> None:
    model = gru_lower.lower(gru_lower.fuse(dynamic_loop(T, "N"), verify=False).model, form="unroll", verify=False).model
    result = gru_lower.fuse(model, require=1)
    assert codes(result) == []
    assert result.report.sites[0].preconditions == ["B >= 1"]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("h0", [False, True])
def test_a_guard_gives_what_the_loop_gave(*, h0: bool, reverse: bool) -> None:
    model = dynamic_loop(reverse=reverse, h0=h0)
    result = gru_lower.fuse(model, empty="guard", require=1)
    onnx.checker.check_model(result.model, full_check=True)
    assert codes(result) == []
    assert "preconditions" not in result.report.sites[0].to_json()
    assert result.report.verification.status == "equivalent"
    for steps, batch in ((T, B), (0, B), (T, 0), (0, 0), (1, 1)):
        feeds = {"X": RNG.standard_normal((steps, batch, I)).astype(np.float32)}
        if h0:
            feeds["h0"] = RNG.standard_normal((batch, H)).astype(np.float32)
        before, after = _run(model, feeds), _run(result.model, feeds)
        np.testing.assert_allclose(after[0], before[0], atol=1e-5)
        assert after[1].shape == (steps, batch, H)
        if steps:
            np.testing.assert_allclose(after[1], before[1], atol=1e-5)


def test_a_static_gru_is_not_guarded() -> None:
    result = gru_lower.fuse(dynamic_loop(T, B), empty="guard", require=1)
    assert sum(is_onnx(each, "If") for each in result.model.graph.node) == 0


def test_loops_that_may_be_empty_can_be_kept() -> None:
    result = gru_lower.fuse(dynamic_loop(), empty="keep")
    assert grus(result.model) == 0
    assert codes(result) == ["GL802"]
    with pytest.raises(Remaining):
        gru_lower.fuse(dynamic_loop(), empty="keep", require=1)
    gru_lower.fuse(dynamic_loop(T, B), empty="keep", require=1)
