"""A GRU of one step in a Loop's body, as decoders have it: X = Unsqueeze(x), the axes being a constant outside."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower

T, B, I, H = 5, 2, 3, 4


def model_of(length: int | str, *, layout: int = 0) -> onnx.ModelProto:
    """Return a Loop over X whose body has a GRU of one step."""
    info, rng = helper.make_tensor_value_info, np.random.default_rng(0)
    axis = "second" if layout else "first"
    nodes = [
        helper.make_node("Gather", ["X", "i"], ["x"], axis=0),
        helper.make_node("Unsqueeze", ["x", axis], ["x1"]),
        helper.make_node("Unsqueeze", ["s", axis], ["s1"]),
        helper.make_node("GRU", ["x1", "W", "R", "", "", "s1"], ["", "yh"], hidden_size=H, layout=layout),
        helper.make_node("Squeeze", ["yh", axis], ["next"]),
        helper.make_node("Identity", ["go"], ["still"]),
    ]
    body = helper.make_graph(
        nodes,
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("s", TensorProto.FLOAT, None)],
        [info("still", TensorProto.BOOL, []), info("next", TensorProto.FLOAT, None)],
    )
    constants = {
        "W": rng.uniform(-1, 1, (1, 3 * H, I)).astype(np.float32),
        "R": rng.uniform(-1, 1, (1, 3 * H, H)).astype(np.float32),
        "first": np.array([0]),
        "second": np.array([1]),
        "zero": np.array(0),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["X"], ["sizes"]),
            helper.make_node("Gather", ["sizes", "zero"], ["trips"]),
            helper.make_node("Loop", ["trips", "", "h0"], ["last"], body=body),
        ],
        "model",
        [info("X", TensorProto.FLOAT, [length, B, I]), info("h0", TensorProto.FLOAT, [B, H])],
        [info("last", TensorProto.FLOAT, [B, H])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("length", [T, "T"])
def test_it_is_a_step(length: int | str) -> None:
    result = gru_lower.lower(model_of(length))
    assert result.report.verification.status == "equivalent"
    assert [(site.form, site.code) for site in result.report.sites] == [("step", None)]


def test_it_is_a_step_where_the_batch_comes_first() -> None:
    (site,) = gru_lower.lower(model_of(T, layout=1), verify=False).report.sites
    assert site.form == "step"
