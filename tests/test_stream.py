"""Streaming: every model frame by frame, against the whole sequence, first and last frames included."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.errors import GruLowerError
from stream_models import random_network, streamed_error, text_model

SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.streams) for seed in range(40, 440))]


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
    stream = result.report.to_dict()["stream"]
    assert stream["lag"] == 0
    assert stream["states"][0]["output"] == "y_h_next"


def test_what_stands_in_the_way_is_named_and_nothing_is_made() -> None:
    text = GRU.replace("hidden_size = 2", 'hidden_size = 2, direction = "reverse"')
    with pytest.raises(
        GruLowerError, match=r"GRU main#0:y: it is reverse: it reads axis 0 of X.*time is x:0"
    ) as caught:
        gru_lower.stream(text_model(text))
    assert (caught.value.code, caught.value.exit_code) == ("GL854", 1)


def test_a_layout_that_is_none_is_no_axis() -> None:
    model = text_model(GRU.replace("hidden_size = 2", "hidden_size = 2, layout = 7").replace("GRU", "RNN"))
    with pytest.raises(GruLowerError, match="layout is 7"):
        gru_lower.stream(model, verify=False)


def test_a_node_that_is_odd_is_named_and_no_more() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
    g (float["T", "B", 2] x, float[1, 6, 2] W, float[1, 6, 2] R) => (float[r, s, t, u] p) {
      y, last = GRU <hidden_size = 2> (x, W, R)
      p = Transpose <perm = [0, 1, 2, 4, 3]> (y)
    }"""
    with pytest.raises(GruLowerError, match="Transpose main#1:p: what it reads does not fit"):
        gru_lower.stream(text_model(text), verify=False)


def test_a_model_by_frames_checks() -> None:
    result = gru_lower.stream(text_model(GRU), chunk=3)
    onnx.checker.check_model(result.model, full_check=True)


def listed(model: onnx.ModelProto) -> list[str]:
    """Return the operators of a model, in order."""
    return [node.op_type for node in model.graph.node]


def refused(text: str, **options: Any) -> GruLowerError:
    """Return why a model is not streamed."""
    with pytest.raises(GruLowerError) as caught:
        gru_lower.stream(text_model(text), verify=False, **options)
    return caught.value


HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'


def test_a_causal_model_is_exact_from_the_first_frame_and_counts_nothing() -> None:
    text = """g (float["B", 3, "T"] x, float[4, 3, 3] w_a, float[2, 4, 2] w_b) => (float["B", 2, "T"] y) {
      front = Constant <value = int64[6] {0, 0, 2, 0, 0, 0}> ()
      zero = Constant <value_int = 0> ()
      end = Constant <value = int64[1] {-2}> ()
      begin = Constant <value = int64[1] {0}> ()
      axis = Constant <value = int64[1] {2}> ()
      padded = Pad (x, front)
      a = Conv (padded, w_a)
      r = Relu (a)
      b = Conv <dilations = [2], pads = [2, 2]> (r, w_b)
      y = Slice (b, begin, end, axis)
    }"""
    result = gru_lower.stream(text_model(HEAD + text))
    assert result.report.verification.status == "equivalent"
    stream = result.report.stream
    assert stream is not None
    assert (stream.lag, stream.end) == (0, None)
    assert [(each.kind, each.shape) for each in stream.states] == [("cache", ("B", 3, 2)), ("cache", ("B", 4, 2))]


def test_branches_wait_for_what_looks_ahead() -> None:
    text = """g (float[1, 3, "T"] x, float[3, 3, 5] w_a, float[3, 3, 3] w_b, float[1, 6, 3] W, float[1, 6, 2] R)
      => (float["T", 1, 1, 2] y, float[1, 3, "T"] z) {
      a = Conv <pads = [2, 2]> (x, w_a)
      r = Relu (a)
      b = Conv <pads = [1, 1]> (r, w_b)
      z = Add (b, x)
      t = Transpose <perm = [2, 0, 1]> (z)
      y, last = GRU <hidden_size = 2> (t, W, R)
    }"""
    for chunk in (1, 3):
        result = gru_lower.stream(text_model(HEAD + text), chunk=chunk)
        assert result.report.verification.status == "equivalent"
        assert result.report.stream is not None
        assert result.report.stream.lag == 3


def test_a_learned_first_state_stands_in_the_metadata_for_any_batch() -> None:
    text = """g (float["T", "B", 2] x, float[1, 6, 2] W, float[1, 6, 2] R) => (float["T", 1, "B", 2] y) {
      learned = Constant <value = float[1, 1, 2] {0.5, -0.25}> ()
      one = Constant <value = int64[1] {1}> ()
      two = Constant <value = int64[1] {2}> ()
      dims = Shape (x)
      batch = Slice (dims, one, two)
      wanted = Concat <axis = 0> (one, batch, two)
      first = Expand (learned, wanted)
      y, last = GRU <hidden_size = 2> (x, W, R, , , first)
    }"""
    result = gru_lower.stream(text_model(HEAD + text))
    assert result.report.verification.status == "equivalent"
    assert result.report.stream is not None
    assert result.report.stream.states[0].first == [[[0.5, -0.25]]]
    assert listed(result.model) == ["GRU"]


def test_a_first_state_that_is_computed_is_taken_as_the_stream_begins() -> None:
    text = """g (float["T", 1, 2] x, float[1, 3] e, float[1, 6, 2] W, float[1, 6, 2] R, float[3, 2] w_e)
      => (float["T", 1, 1, 2] y) {
      projected = MatMul (e, w_e)
      axis = Constant <value = int64[1] {0}> ()
      first = Unsqueeze (projected, axis)
      y, last = GRU <hidden_size = 2> (x, W, R, , , first)
    }"""
    for chunk in (1, 2):
        assert gru_lower.stream(text_model(HEAD + text), chunk=chunk).report.verification.status == "equivalent"


def test_states_that_a_model_has_stay_its_own() -> None:
    text = """g (float["T", 1, 2] x, float[2, 1, 2] h, float[1, 6, 2] W, float[1, 6, 2] R)
      => (float["T", 1, 1, 2] y, float[2, 1, 2] hn) {
      one, two = Split <axis = 0> (h)
      axis = Constant <value = int64[1] {1}> ()
      a, last_a = GRU <hidden_size = 2> (x, W, R, , , one)
      s = Squeeze (a, axis)
      y, last_b = GRU <hidden_size = 2> (s, W, R, , , two)
      hn = Concat <axis = 0> (last_a, last_b)
    }"""
    result = gru_lower.stream(text_model(HEAD + text))
    assert result.report.verification.status == "equivalent"
    assert [each.name for each in result.model.graph.input][:2] == ["x", "h"]
    assert result.report.stream is not None
    assert [(each.input, each.output) for each in result.report.stream.states] == [("h", "hn")]
    assert listed(result.model) == ["Split", "GRU", "Squeeze", "GRU", "Concat"]


def test_sequence_lens_go_with_a_warning() -> None:
    text = GRU.replace('float["T", "B", 2] x', 'float["T", "B", 2] x, int32["B"] lens').replace(
        "(x, W, R)", "(x, W, R, , lens)"
    )
    result = gru_lower.stream(text_model(text))
    assert [found.code for found in result.report.diagnostics] == ["GL866"]
    assert "lens" not in [each.name for each in result.model.graph.input]
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("m = ReduceMean <axes = [2]> (x) y = Sub (x, m)", "GL851", "axis 2, which is time"),
        ("t = Transpose <perm = [0, 2, 1]> (x) y = MatMul (t, x)", "GL852", "attention"),
        ('y = Conv <auto_pad = "SAME_UPPER", strides = [2]> (x, w_a)', "GL857", "how many frames"),
        ("y = Softmax <axis = 2> (x)", "GL851", "axis 2, which is time"),
        ("s = Constant <value = float[3] {1, 1, 2}> () y = Resize (x, , s)", "GL855", "resizes axis 2"),
        ("y = GlobalAveragePool (x)", "GL851", "pools over axis 2"),
        ("i = Constant <value_int = 2> () y = CumSum <reverse = 1> (x, i)", "GL854", "from the end"),
    ],
)
def test_each_obstacle_is_named_with_axis_and_reason(body: str, code: str, words: str) -> None:
    text = f'g (float[1, 3, "T"] x, float[3, 3, 3] w_a) => (float["a", "b", "c"] y) {{ {body} }}'
    error = refused(HEAD + text, time={"x": 2})
    assert error.code == code
    assert words in error.message
    assert error.hint


def test_the_least_chunk_is_named() -> None:
    text = """g (float[1, 3, "T"] x, float[3, 3, 2] w_a) => (float[1, 3, "U"] y) {
      a = Conv <kernel_shape = [2], strides = [2]> (x, w_a)
      y = MaxPool <kernel_shape = [3], strides = [3]> (a)
    }"""
    assert refused(HEAD + text).hint == "hand in more frames at once: chunk=6"
    assert gru_lower.stream(text_model(HEAD + text), chunk=6).report.verification.status == "equivalent"


def test_a_window_is_for_those_who_accept_one() -> None:
    text = GRU.replace("hidden_size = 2", 'hidden_size = 2, direction = "bidirectional"')
    text = text.replace("float[1, 6, 2] W, float[1, 6, 2] R", "float[2, 6, 2] W, float[2, 6, 2] R")
    text = text.replace('float["T", 1, "B", 2]', 'float["T", 2, "B", 2]')
    result = gru_lower.stream(text_model(text), chunk=4, context=12)
    assert "GL864" in [found.code for found in result.report.diagnostics]
    assert result.report.verification.status == "inconclusive"
    assert "away from the whole sequence" in result.report.verification.message
    assert result.report.verification.max_abs_error is not None
    assert 0 < result.report.verification.max_abs_error < 1


def test_counters_stay_exact_in_float16_over_5000_frames() -> None:
    text = """g (float16[1, 3, "T"] x, float16[3, 3, 5] w_a, float16[3] w_c, float16[3, 3, 3] w_b)
      => (float16[1, 3, "T"] y) {
      a = Conv <pads = [2, 2]> (x, w_a, w_c)
      r = Relu (a)
      y = Conv <pads = [1, 1]> (r, w_b)
    }"""
    whole = onnx.parser.parse_model(HEAD + text)
    rng = np.random.default_rng(0)
    for value in list(whole.graph.input)[1:]:
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        whole.graph.initializer.append(
            onnx.numpy_helper.from_array((rng.standard_normal(dims) * 0.3).astype(np.float16), value.name)
        )
        whole.graph.input.remove(value)
    result = gru_lower.stream(whole, verify=False)
    kinds = {value.type.tensor_type.elem_type for value in result.model.graph.input}
    assert kinds == {onnx.TensorProto.FLOAT16}
    frames = rng.standard_normal((1, 3, 5001)).astype(np.float16)
    assert streamed_error(whole, result.model, {"x": frames}, (97,)) < 2e-3


def test_a_cumulative_mean_of_a_long_stream_is_carried_in_float32() -> None:
    text = """g (float16[1, "T", 3] x) => (float16[1, "T", 3] y) {
      axis = Constant <value_int = 1> ()
      zero = Constant <value_float = 0.0> ()
      one = Constant <value_float = 1.0> ()
      dims = Shape <start = 1, end = 2> (x)
      first = Constant <value = int64[1] {0}> ()
      count = Squeeze (dims, first)
      frames = Cast <to = 1> (count)
      end = Add (frames, one)
      numbers = Range (one, end, one)
      last = Constant <value = int64[1] {1}> ()
      column = Unsqueeze (numbers, last)
      wide = Cast <to = 1> (x)
      summed = CumSum (wide, axis)
      mean = Div (summed, column)
      y = Cast <to = 10> (mean)
    }"""
    whole = onnx.parser.parse_model(HEAD + text)
    result = gru_lower.stream(whole, verify=False, time={"x": 1})
    frames = np.random.default_rng(0).standard_normal((1, 5000, 3)).astype(np.float16) + np.float16(1)
    assert streamed_error(whole, result.model, {"x": frames}, (500,)) < 2e-3


def test_streams_have_states_of_their_own() -> None:
    streamed = gru_lower.stream(text_model(GRU), verify=False)
    session = gru_lower.streaming.Session(streamed)
    rng = np.random.default_rng(0)
    one, two = (rng.standard_normal((6, 1, 2)).astype(np.float32) for _ in range(2))
    alone = np.concatenate([session.push(one[:3])["y"], session.push(one[3:])["y"]])
    session.reset()
    other = session.stream()
    first = session.push(one[:3])["y"]
    other.push(two)
    np.testing.assert_array_equal(np.concatenate([first, session.push(one[3:])["y"]]), alone)
    session.flush()
    with pytest.raises(GruLowerError, match="ended"):
        session.push(one)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x": np.zeros((1, 2))}, "2 axes"),
        ({"x": np.zeros((1, 1, 5))}, "axis 2"),
        ({"z": np.zeros(1)}, "no input 'z'"),
        ({}, "missing"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, np.ndarray], words: str) -> None:
    session = gru_lower.streaming.Session(gru_lower.stream(text_model(GRU), verify=False))
    with pytest.raises(GruLowerError, match=words):
        session.push(given)


def test_a_streamed_model_is_lowered_for_portable_to_static_steps() -> None:
    text = GRU.replace('"B"', "1")
    streamed = gru_lower.stream(text_model(text))
    lowered = gru_lower.lower(streamed.model, target="portable")
    assert lowered.report.verification.status == "equivalent"
    assert not {"GRU", "Scan", "Loop", "If", "Where"} & set(listed(lowered.model))
    frames = np.random.default_rng(0).standard_normal((9, 1, 2)).astype(np.float32)
    assert streamed_error(text_model(text), lowered.model, {"x": frames}, (1, 4)) < 1e-5


def test_fixing_one_step_warns_that_the_state_is_lost() -> None:
    assert "GL865" in [found.code for found in gru_lower.lower(text_model(GRU), fix_dims={"T": 1}).report.diagnostics]
    own = GRU.replace('float["T", "B", 2] x', 'float["T", "B", 2] x, float[1, "B", 2] h').replace(
        "(x, W, R)", "(x, W, R, , , h)"
    )
    found = gru_lower.lower(text_model(own), fix_dims={"T": 1}).report.diagnostics
    assert "GL865" not in [each.code for each in found]


def test_inspect_says_whether_a_model_streams() -> None:
    report = gru_lower.inspect(text_model(GRU))
    assert report.streaming is not None
    assert (report.streaming.possible, report.streaming.lag, report.streaming.time) == (True, 0, {"x": 0})
    report = gru_lower.inspect(text_model(GRU.replace("hidden_size = 2", 'hidden_size = 2, direction = "reverse"')))
    assert report.streaming is not None
    assert [each.code for each in report.streaming.in_the_way] == ["GL854"]
