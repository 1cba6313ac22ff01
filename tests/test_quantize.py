"""GRUs that compute with weights in whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.errors import Unsupported
from gru_lower.verification.inputs.given_files import read

FIXTURES = Path(__file__).parent.parent / "fixtures"


def accuracy_of(name: str, **options: Any) -> tuple[float, float, Any]:
    """Return the accuracy of a fixture before and after, and the result."""
    path = FIXTURES / f"{name}.onnx"
    inputs, expected = read(FIXTURES / f"{name}.npz", onnx.load(path))
    result = gru_lower.quantize(path, inputs=inputs, expected=expected, all=True, **options)
    (found,) = result.report.verification.accuracy
    assert all(site.action == "quantised" for site in result.report.sites)
    assert not [node for node in result.model.graph.node if node.op_type == "GRU"]
    return found.before, found.after, result


@pytest.mark.parametrize("form", ["auto", "loop"])
@pytest.mark.parametrize(("name", "points"), [("digits_gru", 0.003), ("g2p_encoder", 0.01)])
def test_trained_models_keep_their_accuracy(name: str, points: float, form: str) -> None:
    before, after, result = accuracy_of(name, form=form)
    assert after >= before - points - 1e-12
    assert all(output.snr_db > 30 for output in result.report.verification.fidelity)


def test_a_model_without_a_gru_is_refused() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2, 3] X) => (float[2, 3] Y) { Y = Tanh (X) }'
    )
    with pytest.raises(Unsupported, match="no GRU node") as caught:
        gru_lower.quantize(model)
    assert caught.value.code == "GL324"


def test_weights_are_a_quarter_of_their_size() -> None:
    rng = np.random.default_rng(0)
    helper = onnx.helper
    values = {name: rng.standard_normal((1, 768, 256)).astype(np.float32) for name in "WR"}
    node = helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=256)
    info = helper.make_tensor_value_info
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph([node], "g", [info("X", 1, ["T", "B", 256])], [info("Y", 1, None)], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    small = gru_lower.quantize(model, all=True).model
    assert small.ByteSize() <= 0.27 * model.ByteSize()
