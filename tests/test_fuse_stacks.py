"""Stacks of bidirectional layers come back as bidirectional GRUs, whatever form they were lowered to."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx

T, I, H = 5, 3, 4
First = Literal["zeros", "constant", "input"]


def stack_of(layers: int, linear_before_reset: int, batch: int | str, first: First) -> ModelProto:
    """Return bidirectional layers over [T, batch, I], whose states a Transpose and a Reshape join on the features."""
    rng = np.random.default_rng(layers)
    nodes: list[NodeProto] = []
    arrays = {"joined": np.array([0, 0, 2 * H])}
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, batch, I])]
    x, width = "x", I
    for layer in range(layers):
        name = f"l{layer}"
        for key, shape in (("W", (2, 3 * H, width)), ("R", (2, 3 * H, H)), ("B", (2, 6 * H))):
            arrays[f"{name}_{key}"] = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
        given = [x, f"{name}_W", f"{name}_R", f"{name}_B"]
        if first == "constant" and isinstance(batch, int):
            one = rng.uniform(-0.5, 0.5, (2, 1, H)).astype(np.float32)
            arrays[f"{name}_h"] = np.broadcast_to(one, (2, batch, H)).copy()
        if first == "input":
            inputs.append(helper.make_tensor_value_info(f"{name}_h", TensorProto.FLOAT, [2, batch, H]))
        if f"{name}_h" in arrays or first == "input":
            given += ["", f"{name}_h"]
        way: dict[str, Any] = {"hidden_size": H, "linear_before_reset": linear_before_reset}
        nodes += [
            helper.make_node("GRU", given, [f"{name}_Y", f"{name}_last"], direction="bidirectional", **way),
            helper.make_node("Transpose", [f"{name}_Y"], [f"{name}_turned"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"{name}_turned", "joined"], [f"{name}_y"]),
        ]
        x, width = f"{name}_y", 2 * H
    outputs = [(x, [T, batch, 2 * H]), (f"l{layers - 1}_last", [2, batch, H])]
    graph = helper.make_graph(
        nodes,
        "stack",
        inputs,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "first"), [(1, "zeros"), (1, "constant"), (3, "zeros"), (3, "constant"), ("B", "zeros"), ("B", "input")]
)
@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("form", ["unroll", "scan", "loop"])
def test_a_stack_comes_back(
    form: Literal["unroll", "scan", "loop"], linear_before_reset: int, batch: int | str, first: First
) -> None:
    """Two bidirectional GRUs, without a Slice for each step."""
    model = stack_of(2, linear_before_reset, batch, first)
    result = gru_lower.fuse(gru_lower.lower(model, form=form, verify=False).model)
    assert result.report.verification.status == "equivalent"
    nodes = list(result.model.graph.node)
    grus = [node for node in nodes if is_onnx(node, "GRU")]
    ways = [a.s for node in grus for a in node.attribute if a.name == "direction"]
    assert (len(grus), ways) == (2, [b"bidirectional"] * 2), [site.message for site in result.report.sites]
    assert not any(is_onnx(node, kind) for node in nodes for kind in ("Scan", "Loop", "Sigmoid", "Tanh", "Gemm"))
    assert sum(is_onnx(node, "Slice") for node in nodes) < T
