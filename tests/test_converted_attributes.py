"""Attributes that an older opset's operators do not have: onnx's converter leaves them on nodes it rewrites."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import gru_lower

REDUCTIONS = ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd")


@pytest.mark.parametrize("axes", [["axes"], []])
@pytest.mark.parametrize("noop", [0, 1])
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_reductions_as_torch_writes_them(op_type: str, noop: int, axes: list[str]) -> None:
    """What torch writes spells noop_with_empty_axes out at opset 18, which no reduction but ReduceSum has at 17."""
    rng = np.random.default_rng(0)
    weights = {"W": (1, 12, 3), "R": (1, 12, 4)}
    tensors = {name: rng.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in weights.items()}
    nodes = [
        helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=4),
        helper.make_node(op_type, ["Y", *axes], ["Z"], noop_with_empty_axes=noop, keepdims=1),
    ]
    given = [helper.make_tensor_value_info("X", 1, [5, 2, 3])]
    constants = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    constants += [numpy_helper.from_array(np.array([2]), "axes")] if axes else []
    graph = helper.make_graph(nodes, "g", given, [helper.make_tensor_value_info("Z", 1, None)], constants)
    graph.output[0].type.tensor_type.shape.dim.extend(onnx.TensorShapeProto.Dimension() for _ in range(4))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    result = gru_lower.lower(model, target="portable", opset=17)
    assert result.report.verification.status == "equivalent"
    onnx.checker.check_model(result.model, full_check=True)
    feeds = {"X": rng.standard_normal((5, 2, 3)).astype(np.float32)}
    before, after = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, feeds)[0] for each in (model, result.model)
    )
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-6)
