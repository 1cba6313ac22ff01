"""On empty inputs a GRU is kept from running, and gives what the operator has there."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from gru_lower.gru.reference import gru
from gru_lower.verification.running.guard_grus import guard_grus


def model_of(
    direction: str, *, lens: bool, initial: bool, outputs: tuple[str, str]
) -> tuple[onnx.ModelProto, dict[str, np.ndarray[Any, Any]]]:
    D = 2 if direction == "bidirectional" else 1
    rng = np.random.default_rng(0)
    weights = {"W": (D, 9, 2), "R": (D, 9, 3), "B": (D, 18)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in weights.items()}
    names = ["X", "W", "R", "B", "lens" if lens else "", "h0" if initial else ""]
    node = helper.make_node("GRU", names, list(outputs), hidden_size=3, direction=direction)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "N", 2])]
    inputs += [helper.make_tensor_value_info("lens", TensorProto.INT32, ["N"])] if lens else []
    inputs += [helper.make_tensor_value_info("h0", TensorProto.FLOAT, [D, "N", 3])] if initial else []
    made = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
        for name, rank in zip(outputs, (4, 3), strict=True)
        if name
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph([node], "g", inputs, made, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), arrays


@pytest.mark.parametrize("outputs", [("Y", "Y_h"), ("Y", ""), ("", "Y_h")])
@pytest.mark.parametrize("lens", [False, True])
@pytest.mark.parametrize("initial", [False, True])
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_a_guarded_gru_is_the_operator(*, direction: str, initial: bool, lens: bool, outputs: tuple[str, str]) -> None:
    model, arrays = model_of(direction, lens=lens, initial=initial, outputs=outputs)
    guarded = guard_grus(model)
    assert guarded is not None
    onnx.checker.check_model(guarded)
    session = onnxruntime.InferenceSession(guarded.SerializeToString(), providers=["CPUExecutionProvider"])
    for T, B in ((0, 2), (3, 0), (0, 0), (3, 2)):
        rng = np.random.default_rng(1)
        feeds = {"X": rng.normal(size=(T, B, 2)).astype(np.float32)}
        if lens:
            feeds["lens"] = np.full(B, T, np.int32)
        if initial:
            feeds["h0"] = rng.normal(size=(len(arrays["W"]), B, 3)).astype(np.float32)
        expected = gru(
            feeds["X"], arrays["W"], arrays["R"], arrays["B"], feeds.get("lens"), feeds.get("h0"), direction=direction
        )
        wanted = [array for array, name in zip(expected, outputs, strict=True) if name]
        for actual, right in zip(session.run(None, feeds), wanted, strict=True):
            assert actual.shape == right.shape
            np.testing.assert_allclose(actual, right, atol=1e-5)
