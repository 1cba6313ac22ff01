"""What a fused loop meant stays what it means: noise, first conditions, values of scopes around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import gru_lower
from gru_lower.graph.model import Model
from gru_lower.graph.random_nodes import RandomNodes
from gru_lower.graph.scopes import walk
from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru
from gru_lower.verification.result import Verification
from loop_models import (
    BOOL,
    FLOAT,
    INT64,
    LENGTH,
    RNG,
    codes,
    grus,
    info,
    loop_of,
    model_of,
    node,
    run,
    scan_of,
    whole_inputs,
)
from test_fuse_split import B, H, I, T, cell

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.verification.sites.site import SitePair

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
    constants = {"half": np.float32(0.5), "yes": np.ones((), bool), "trips": np.array(T)}
    model = model_of([loop], whole_inputs(), ["last", "all_Ht", "all_o"], constants)
    function = helper.make_function(
        "own", "Noise", ["a"], ["b"], [node("RandomNormalLike", "a", "b")], [helper.make_opsetid("", 17)]
    )
    model.functions.append(function)
    return model


@pytest.mark.slow
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
        model.functions.append(
            helper.make_function("own", "Step", given, ["Ht"], cell(), [helper.make_opsetid("", 17)])
        )
    result = gru_lower.fuse(model, steps=True)
    assert [site.action for site in result.report.sites].count("fused") == 1
    assert grus(result.model) == 1
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("verify", [False, True])
def test_a_gru_in_a_branch_finds_the_states_of_one_around_it(*, verify: bool) -> None:
    shapes = {"W1": (1, 3 * H, I), "R1": (1, 3 * H, H), "W2": (1, 3 * H, H), "R2": (1, 3 * H, H)}
    weights = {name: (RNG.standard_normal(shape) / 2).astype(np.float32) for name, shape in shapes.items()}
    then = helper.make_graph(
        [node("GRU", "S W2 R2", "Y2", hidden_size=H)], "then", [], [info("Y2", shape=[T, 1, B, H])]
    )
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
    (before,), (after,) = (run(each, {"X": x}) for each in (lowered, result.model))
    np.testing.assert_allclose(after, before, atol=1e-5)


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


def test_weights_that_are_inputs_are_drawn_as_weights() -> None:
    """A GRU of 64 states whose weights are drawn like data is chaotic, and differs from itself."""
    hidden, steps = 64, 50
    shapes = {"W": [I, 3 * hidden], "R": [hidden, 3 * hidden], "b": [3 * hidden], "c": [3 * hidden]}
    inputs = [info("X", shape=[steps, B, I]), info("h0", shape=[B, hidden])]
    inputs += [info(name, shape=shape) for name, shape in shapes.items()]
    model = model_of([loop_of(cell(), "trips", "")], inputs, ["last", "all_Ht"], {"trips": np.array(steps)})
    del model.graph.initializer[:-1]
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"


def test_of_a_chaotic_region_it_is_not_said_that_it_differs() -> None:
    hidden, steps = 32, 100
    shapes = {"W": (I, 3 * hidden), "R": (hidden, 3 * hidden), "b": (3 * hidden,), "c": (3 * hidden,)}
    weights = {name: (RNG.standard_normal(shape) * 3).astype(np.float32) for name, shape in shapes.items()}
    inputs = [info("X", shape=[steps, B, I]), info("h0", shape=[B, hidden])]
    model = model_of([loop_of(cell(), "trips", "")], inputs, ["last", "all_Ht"], {**weights, "trips": np.array(steps)})
    (said,) = gru_lower.fuse(model).report.diagnostics
    assert said.code == "GL802"
    assert "chaotic" in said.message


# -- first conditions and numbers of steps -----------------------------------------------------------------------------

CONDITIONS: dict[str, tuple[list[NodeProto], str, str]] = {
    "always": ([*LENGTH], "length", ""),
    "0 < T": ([*LENGTH, node("Less", "first length", "asked")], "length", "asked"),
    "T > 0": ([*LENGTH, node("Greater", "length first", "asked")], "length", "asked"),
    "3 < T": ([*LENGTH, node("Less", "three length", "asked")], "length", "asked"),
    "0 < T and 3 < T": (
        [
            *LENGTH,
            node("Less", "first length", "a"),
            node("Less", "three length", "b_"),
            node("And", "a b_", "asked"),
        ],
        "length",
        "asked",
    ),
    "an input": ([*LENGTH], "length", "flag"),
    "of data": (
        [*LENGTH, node("ReduceMax", "X", "most", keepdims=0), node("Greater", "most zero", "asked")],
        "length",
        "asked",
    ),
    "n": ([], "n", ""),
    "n, cast": ([node("Cast", "n", "n32", to=TensorProto.INT32), node("Cast", "n32", "n64", to=INT64)], "n64", ""),
    "T - 1": ([*LENGTH, node("Sub", "length one", "fewer")], "fewer", ""),
    "min(n, T)": ([*LENGTH, node("Min", "n length", "fewer")], "fewer", ""),
    "min(max(n, 1), T)": ([*LENGTH, node("Max", "n one", "some"), node("Min", "some length", "fewer")], "fewer", ""),
    "none": ([], "none", ""),
    "less than none": ([], "minus", ""),
    "false": ([*LENGTH], "length", "no"),
}
SURE = ("always", "0 < T", "T > 0", "min(max(n, 1), T)")
"""Those that take a step wherever no axis is empty."""


def with_condition(kind: str) -> onnx.ModelProto:
    """Return a Loop with one of the conditions and trip counts."""
    nodes, trips, condition = CONDITIONS[kind]
    constants = {"first": np.array(0), "three": np.array(3), "one": np.array(1), "zero": np.float32(100)}
    constants |= {"none": np.array(0), "minus": np.array(-2), "no": np.zeros((), bool)}
    inputs = [*whole_inputs("T", B), info("n", INT64, []), info("flag", BOOL, [])]
    return model_of([*nodes, loop_of(cell(), trips, condition)], inputs, ["last", "all_Ht"], constants)


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_loop_that_may_take_no_step_stays(kind: str) -> None:
    result = gru_lower.fuse(with_condition(kind), verify=False)
    assert grus(result.model) == (kind in SURE)
    assert kind in SURE or {"GL801", "GL802"} & set(codes(result)), "it is said why"
