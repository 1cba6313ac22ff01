"""What lower wrote comes back, whatever its weights were: constants, int8 behind DequantizeLinear, or inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

T, B, I, H = 4, 2, 8, 16
Form = Literal["unroll", "scan", "loop"]


def model_of(
    kind: str, *, linear_before_reset: int, directions: int = 1, dims: Sequence[int | str] = ("T", "B")
) -> onnx.ModelProto:
    """Return a GRU whose weights are of a kind."""
    rng = np.random.default_rng(0)
    shapes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, np.ndarray[Any, Any]] = {}
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [*dims, I])]
    for name, shape in shapes.items():
        numbers = rng.integers(-100, 100, shape).astype(np.int8)
        if kind == "input":
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        elif kind == "constant":
            constants[name] = numbers.astype(np.float32) / 128
        else:
            constants |= {f"{name}8": numbers, "scale": np.array(0.0078125, np.float32)}
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}8", "scale"], [name]))
    way = "bidirectional" if directions > 1 else "forward"
    own: dict[str, Any] = {"hidden_size": H, "linear_before_reset": linear_before_reset, "direction": way}
    nodes.append(helper.make_node("GRU", ["X", "W", "R", "B"], ["Y", "Y_h"], **own))
    graph = helper.make_graph(
        nodes,
        "model",
        inputs,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("form", ["unroll", "scan", "loop"])
@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("kind", ["constant", "int8", "input"])
def test_a_lowered_gru_comes_back_and_is_counted(kind: str, linear_before_reset: int, form: Form) -> None:
    dims = (T, B) if form == "unroll" else ("T", "B")  # a Scan of known small sizes would be packed
    lowered = gru_lower.lower(model_of(kind, linear_before_reset=linear_before_reset, dims=dims), form=form).model
    result = gru_lower.fuse(lowered, require=1)
    assert result.report.verification.status == "equivalent"
    assert [(site.action, site.code) for site in result.report.sites] == [("fused", None)]
    (gru,) = [node for node in result.model.graph.node if is_onnx(node, "GRU")]
    if kind == "input":
        assert list(gru.input[1:4]) == ["W", "R", "B"]  # as they were, not cut and put together


@pytest.mark.parametrize("form", ["loop", "scan"])
def test_both_directions_of_weights_that_are_no_constants_come_back(form: Form) -> None:
    lowered = gru_lower.lower(model_of("int8", linear_before_reset=1, directions=2), form=form).model
    result = gru_lower.fuse(lowered, require=2)
    assert result.report.verification.status == "equivalent"
    assert sum(is_onnx(node, "GRU") for node in result.model.graph.node) == 1


@pytest.mark.parametrize("batch", [1, 2, "B"])
@pytest.mark.parametrize("packing", ["block", "block-fused"])
@pytest.mark.parametrize("linear_before_reset", [0, 1])
def test_both_directions_in_one_body_come_back(linear_before_reset: int, packing: str, batch: int | str) -> None:
    """Small ones are lowered like that: their states lie side by side."""
    model = model_of("constant", linear_before_reset=linear_before_reset, directions=2, dims=("T", batch))
    lowered = gru_lower.lower(model, passes=f"lower-gru{{form=scan,packing={packing}}}").model
    assert sum(node.op_type == "Scan" for node in lowered.graph.node) == 1
    result = gru_lower.fuse(lowered, require=2)
    assert result.report.verification.status == "equivalent"
    (gru,) = [node for node in result.model.graph.node if is_onnx(node, "GRU")]
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.model.graph.initializer}
    given = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, place in (("W", 1), ("R", 2)):
        np.testing.assert_array_equal(weights[gru.input[place]], given[name])


def test_half_a_state_that_reads_the_other_half_is_no_gru() -> None:
    """Recurrent weights have to be zeros around the blocks."""
    lowered = gru_lower.lower(
        model_of("constant", linear_before_reset=1, directions=2), passes="lower-gru{form=scan,packing=block}"
    ).model
    tensors = [each for scope in walk(lowered) for each in scope.initializers.values()]
    tensor = next(each for each in tensors if list(each.dims) == [2 * H, 2 * H])
    mixed = numpy_helper.to_array(tensor).copy()
    mixed[0, -1] = 0.25
    tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
    assert not any(is_onnx(node, "GRU") for node in gru_lower.fuse(lowered).model.graph.node)


@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("apart", [False, True])
def test_a_body_that_was_rewritten_comes_back(linear_before_reset: int, apart: bool) -> None:  # noqa: FBT001
    """A Gemm as MatMul and Add, as some runtimes want it; and back, as optimizers write it."""
    lowered = gru_lower.lower(model_of("constant", linear_before_reset=linear_before_reset), form="scan").model
    body = next(
        a.g for node in lowered.graph.node if node.op_type == "Scan" for a in node.attribute if a.name == "body"
    )
    nodes = []
    for node in body.node:
        if not apart or node.op_type != "Gemm":
            nodes.append(node)
            continue
        turned, product = f"{node.output[0]}_turned", f"{node.output[0]}_product"
        nodes += [
            helper.make_node("Transpose", [node.input[1]], [turned], perm=[1, 0]),
            helper.make_node("MatMul", [node.input[0], turned], [product]),
            helper.make_node("Add", [product, node.input[2]], [node.output[0]]),
        ]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del body.node[:]
    body.node.extend(copies)
    result = gru_lower.fuse(lowered, require=1)
    assert [(site.action, site.code) for site in result.report.sites] == [("fused", None)]
