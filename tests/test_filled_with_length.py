"""sequence_lens that are computed from X's own size: all sequences are whole, and no mask is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.facts import Facts
from gru_lower.graph.filled_with_length import is_filled_with_length
from gru_lower.graph.model import Model
from lowering import op_types, run

H, I = 3, 2


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


# Lengths written from the dims of X: MXNet's exporter does it as the first, torch.full and torch.ones become others.
SPELLINGS = {
    "split, tile": [
        node("Split", "dims", "T B I", axis=0),
        node("Tile", "T B", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
    "gather, expand": [
        node("Gather", "dims zero", "T"),
        node("Gather", "dims ones", "B"),
        node("Expand", "T B", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
    "slice, cast first": [
        node("Cast", "dims", "dims32", to=TensorProto.INT32),
        node("Slice", "dims32 zeros ones", "T"),
        node("Slice", "dims ones twos", "B"),
        node("Tile", "T B", "lens"),
    ],
    "ones times": [
        node("Gather", "dims zero", "T"),
        node("Gather", "dims ones", "B"),
        helper.make_node(
            "ConstantOfShape", ["B"], ["filled"], value=numpy_helper.from_array(np.array([1], np.int64), "one")
        ),
        node("Mul", "filled T", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
    "zeros plus": [
        node("Gather", "dims zeros", "T"),
        node("Gather", "dims ones", "B"),
        node("ConstantOfShape", "B", "filled"),
        node("Cast", "filled", "whole", to=TensorProto.INT64),
        node("Add", "T whole", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
    "put together": [
        node("Gather", "dims zero", "T"),
        node("Unsqueeze", "T zeros", "first"),
        node("Concat", "first first", "many", axis=0),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
}
# The same with another dim, or with less than all of T.
OTHERS = {
    "the batch's": [
        node("Gather", "dims ones", "B"),
        node("Tile", "B B", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
    "one less": [
        node("Gather", "dims zero", "T"),
        node("Gather", "dims ones", "B"),
        node("Expand", "T B", "many"),
        node("Sub", "many ones", "less"),
        node("Cast", "less", "lens", to=TensorProto.INT32),
    ],
    "of two dims": [
        node("Slice", "dims zeros twos", "many"),
        node("Cast", "many", "lens", to=TensorProto.INT32),
    ],
}


def model(nodes: list[onnx.NodeProto], *, dims: tuple[Any, ...] = ("T", "B", I)) -> onnx.ModelProto:
    random = np.random.default_rng(0)
    weights = {
        "W": random.standard_normal((1, 3 * H, I)),
        "R": random.standard_normal((1, 3 * H, H)),
    }
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    numbers = {"zero": np.array(0), "zeros": np.array([0]), "ones": np.array([1]), "twos": np.array([2])}
    held += [numpy_helper.from_array(value.astype(np.int64), name) for name, value in numbers.items()]
    gru = helper.make_node("GRU", ["X", "W", "R", "", "lens"], ["Y", "Y_h"], hidden_size=H, linear_before_reset=1)
    graph = helper.make_graph(
        [helper.make_node("Shape", ["X"], ["dims"]), *nodes, gru],
        "lengths",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, dims)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("Y", [None, 1, None, H]), ("Y_h", [1, None, H]))
        ],
        held,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


MASKS = {"Where", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Range", "ReverseSequence", "Tile"}
X = np.random.default_rng(1).standard_normal((4, 2, I)).astype(np.float32)


@pytest.mark.parametrize("dims", [("T", "B", I), (4, 2, I), (None, None, I), (4, "B", I)])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_lengths_of_the_own_time_axis_are_no_lengths(spelling: str, dims: tuple[Any, ...]) -> None:
    original = model(SPELLINGS[spelling], dims=dims)
    result = gru_lower.lower(original, form="scan")
    assert result.report.verification.status == "equivalent"
    assert not op_types(result.model) & (MASKS | {"GRU"})
    for before, after in zip(run(original, {"X": X}).values(), run(result.model, {"X": X}).values(), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("spelling", OTHERS)
def test_other_lengths_stay(spelling: str) -> None:
    original = model(OTHERS[spelling])
    lowered = gru_lower.lower(original, form="scan", verify=False).model
    assert "Where" in op_types(lowered)
    for t in (2, 4) if spelling != "of two dims" else (2,):
        feeds = {"X": X[:t]}
        for before, after in zip(run(original, feeds).values(), run(lowered, feeds).values(), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("target", ["tract", "mnn", "openvino"])
def test_a_target_is_judged_as_without_lengths(target: str) -> None:
    """For tract they cost a mask around the GRU; OpenVINO and MNN lose its kernel to them."""
    original = model(SPELLINGS["split, tile"])
    without = onnx.ModelProto()
    without.CopyFrom(original)
    del without.graph.node[1:4], without.graph.node[0], without.graph.node[0].input[4]
    results = [gru_lower.legalize(each, target=target, verify=False).model for each in (original, without)]
    assert op_types(results[0]) == op_types(results[1])


@pytest.mark.parametrize("dims", [("T", "B", I), (4, 2, I)])
def test_a_kept_gru_loses_them_and_is_compared_without(dims: tuple[Any, ...]) -> None:
    original = model(SPELLINGS["gather, expand"], dims=dims)
    result = gru_lower.lower(original, passes="legalize-sequence-lens")
    (gru,) = (each for each in result.model.graph.node if each.op_type == "GRU")
    assert "lens" not in gru.input
    assert result.report.sites[0].verified.status == "equivalent"
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("operator", ["Add", "Mul", "Concat"])
def test_what_is_read_twice_is_looked_at_once(operator: str) -> None:
    """Each value is made of the one before, twice: more ways lead to the first than could be walked."""
    more = {"axis": 0} if operator == "Concat" else {}
    nodes = [node("Gather", "dims zeros", "v0")]
    nodes += [node(operator, f"v{k} v{k}", f"v{k + 1}", **more) for k in range(60)]
    original = model([*nodes, node("Gather", "v60 zeros", "one"), node("Cast", "one", "lens", to=TensorProto.INT32)])
    facts = Facts(Model(original))
    (main,) = facts.scopes
    assert not is_filled_with_length(facts, main, "lens", "X", 0)
