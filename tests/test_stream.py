"""Streaming: every model frame by frame, against the whole sequence, first and last frames included."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.errors import GruLowerError
from stream_models import random_network, streamed_error, text_model

SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_network_streams_as_it_runs(seed: int) -> None:
    network = random_network(seed)
    chunk = network.multiple * (1 + seed % 3)
    result = gru_lower.stream(network.model, chunk=chunk, time={"x": 2}, verify=False)
    rng = np.random.default_rng(seed)
    frames = rng.standard_normal((1 + seed % 2, network.channels, network.multiple * (7 + seed)))
    assert streamed_error(network.model, result.model, {"x": frames.astype(np.float32)}, (1, 3, chunk)) < 1e-4


GRU = """<ir_version: 8, opset_import: ["": 17]>
g (float["T", "B", 2] x, float[1, 6, 2] W, float[1, 6, 2] R) => (float["T", 1, "B", 2] y) {
  y, last = GRU <hidden_size = 2> (x, W, R)
}"""


def test_a_gru_keeps_its_interface_and_gets_a_state_behind_it() -> None:
    result = gru_lower.stream(text_model(GRU))
    assert result.report.verification.status == "equivalent"
    graph = result.model.graph
    assert [each.name for each in graph.input] == ["x", "W", "R", "y_h"]
    assert [each.name for each in graph.output] == ["y", "y_h_next"]
    assert [dim.dim_value or dim.dim_param for dim in graph.input[0].type.tensor_type.shape.dim] == [1, "B", 2]
    assert [dim.dim_value or dim.dim_param for dim in graph.input[3].type.tensor_type.shape.dim] == [1, "B", 2]
    stream = result.report.to_json()["stream"]
    assert stream["lag"] == 0
    assert stream["states"][0]["output"] == "y_h_next"


def test_what_stands_in_the_way_is_named_and_nothing_is_made() -> None:
    text = GRU.replace("hidden_size = 2", 'hidden_size = 2, direction = "reverse"')
    with pytest.raises(
        GruLowerError, match=r"GRU main#0:y: it is reverse: it reads axis 0 of X.*time is x:0"
    ) as caught:
        gru_lower.stream(text_model(text))
    assert (caught.value.code, caught.value.exit_code) == ("GL854", 1)


def test_a_model_by_frames_checks() -> None:
    result = gru_lower.stream(text_model(GRU), chunk=3)
    onnx.checker.check_model(result.model, full_check=True)
