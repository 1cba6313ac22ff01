"""Streaming: nodes that nothing uses, values of which the dims alone are read, and frames taken from the begin."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.errors import GruLowerError
from stream_models import streamed_error, text_model

HEAD = """<ir_version: 8, opset_import: ["": 17]>
g (float["T", "B", 3] x, float[1, 6, 3] W, float[1, 6, 2] R) => (float["U", 1, "B", 2] y) {
  zero = Constant <value = int64[1] {0}> ()
  one = Constant <value = int64[1] {1}> ()
  two = Constant <value = int64[1] {2}> ()
  last = Constant <value = int64[1] {-1}> ()
  end = Constant <value = int64[1] {9223372036854775807}> ()
  first = Constant <value_int = 0> ()
"""
GRU = "y, y_h = GRU <hidden_size = 2> (xt, W, R) }"
DELTA = "a = Slice (x, one, end, zero) b = Slice (x, zero, last, zero) d = Sub (a, b) "


def streamed(body: str, chunk: int) -> gru_lower.Result[onnx.ModelProto]:
    """Stream a model, and hold it to the whole one."""
    whole = text_model(HEAD + body + GRU)
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    frames = np.random.default_rng(0).standard_normal((17, 2, 3)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 2, 7)) < 1e-5
    return result


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize(
    "unused",
    [
        "r = Slice (x, last, zero, zero, last) m = ReduceMean <axes = [0]> (r)",
        "t = Transpose <perm = [1, 0, 2]> (x) q, q_h = GRU <hidden_size = 2> (t, W, R)",
        "f = Gather <axis = 0> (x, first)",
    ],
)
def test_what_nothing_uses_stands_in_no_ones_way(unused: str, chunk: int) -> None:
    result = streamed(f"{unused} xt = Identity (x) ", chunk)
    assert [each.kind for each in result.report.stream.states] == ["recurrent"]  # type: ignore[union-attr]


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize(
    "body",
    [
        "f = Slice (x, zero, one, zero) s = Shape (f) z = ConstantOfShape (s) ",
        "f = Gather <axis = 0> (x, first) s = Shape (f) w = ConstantOfShape (s) z = Unsqueeze (w, zero) ",
        "f = Slice (x, zero, one, zero) s = Shape (f) c = Constant <value_float = 0.5> () z = Expand (c, s) ",
    ],
)
def test_frames_that_only_give_a_shape_need_not_be_taken(body: str, chunk: int) -> None:
    result = streamed(f"{body}{DELTA} xt = Concat <axis = 0> (z, d) ", chunk)
    assert result.report.stream is not None
    assert result.report.stream.lag == 0


def test_a_shape_that_is_needed_is_made_of_the_inputs() -> None:
    text = HEAD.replace("=> (", '=> (float["B", 3] q, ')
    text += "f = Gather <axis = 0> (x, first) s = Shape (f) c = Constant <value_float = 0.5> () q = Expand (c, s) "
    whole = text_model(text + "xt = Identity (x) " + GRU)
    result = gru_lower.stream(whole)
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_split_along_time_is_slices(chunk: int) -> None:
    lengths = "all = Shape <start = 0, end = 1> (x) most = Sub (all, two) "
    body = f"""{lengths} ab = Concat <axis = 0> (two, most) ba = Concat <axis = 0> (most, two)
      f, a = Split <axis = 0> (x, ab) b, e = Split <axis = 0> (x, ba) d = Sub (a, b)
      s = Shape (f) z = ConstantOfShape (s) xt = Concat <axis = 0> (z, d) """
    result = streamed(body, chunk)
    assert result.report.stream is not None
    assert result.report.stream.lag == 0


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("pads", ["2, 0", "1, 1", "0, 2"])
def test_an_average_that_leaves_padding_out_divides_by_what_is_inside(pads: str, chunk: int) -> None:
    whole = text_model(f"""<ir_version: 8, opset_import: ["": 17]>
      g (float["B", 3, "T"] x, float[3, 3, 3] w_a, float[3, 3, 3] w_b) => (float["B", 3, "U"] y) {{
        a = Conv <pads = [1, 1]> (x, w_a)
        m = AveragePool <kernel_shape = [3], pads = [{pads}]> (a)
        y = Conv <pads = [1, 1]> (m, w_b)
      }}""")
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    frames = np.random.default_rng(0).standard_normal((2, 3, 17)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 2, 7)) < 1e-5


@pytest.mark.parametrize("chunk", [1, 3])
def test_whole_numbers_are_summed_along_time(chunk: int) -> None:
    body = """axis = Constant <value_int = 0> () half = Constant <value_float = 0.5> () above = Greater (x, half)
      n = Cast <to = 7> (above) s = CumSum (n, axis) xt = Cast <to = 1> (s) """
    streamed(body, chunk)


@pytest.mark.parametrize("chunk", [1, 3])
def test_frames_that_a_model_hands_on_itself_stay_its_own_state(chunk: int) -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float[1, 3, "T"] x, float[2, 1, 3, 4] cache, float[3, 3, 3] w_a, float[3, 3, 3] w_b)
        => (float[1, 3, "T"] y, float[2, 1, 3, 4] cache_out) {
        begin = Constant <value = int64[1] {-4}> ()
        end = Constant <value = int64[1] {9223372036854775807}> ()
        axis = Constant <value = int64[1] {2}> ()
        zero = Constant <value = int64[1] {0}> ()
        one = Constant <value = int64[1] {1}> ()
        first, second = Split <axis = 0> (cache)
        cache_a = Squeeze (first, zero)
        cache_b = Squeeze (second, zero)
        a = Concat <axis = 2> (cache_a, x)
        r = Conv <dilations = [2]> (a, w_a)
        last_a = Slice (a, begin, end, axis)
        t = Tanh (r)
        b = Concat <axis = 2> (cache_b, t)
        s = Conv <dilations = [2]> (b, w_b)
        y = Add (s, x)
        last_b = Slice (b, begin, end, axis)
        out_a = Unsqueeze (last_a, zero)
        out_b = Unsqueeze (last_b, zero)
        cache_out = Concat <axis = 0> (out_a, out_b)
      }""")
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    stream = result.report.stream
    assert stream is not None
    assert stream.lag == 0
    assert (stream.states[0].input, stream.states[0].output) == ("cache", "cache_out")
    assert [each.kind for each in stream.states if each.kind != "count"] == ["recurrent"]
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 3, 17)), "cache": rng.standard_normal((2, 1, 3, 4))}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    assert streamed_error(whole, result.model, feeds, (1, 2, 7)) < 1e-5


AHEAD = """<ir_version: 8, opset_import: ["": 17]>
  g (float[1, 3, "T"] x, float[3, 3, 3] w_a, float[1, 6, 3] W, float[1, 6, 2] R) => (float["T", 1, 1, 2] y) {
    a = Conv <pads = [1, 1]> (x, w_a)
    t = Transpose <perm = [2, 0, 1]> (a)
    y, y_h = GRU <hidden_size = 2> (t, W, R)
  }"""


STEPS = {
    "": "y, y_h = GRU <hidden_size = 2> (t, W, R)",
    "learned": "y, y_h = GRU <hidden_size = 2> (t, W, R, , , w_h)",
}


@pytest.mark.parametrize("chunk", [1, 4, 5])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_what_looks_ahead_is_lowered_for_portable_in_chunks(ahead: int, steps: str, chunk: int) -> None:
    text = AHEAD.replace("pads = [1, 1]", f"pads = [{2 - ahead}, {ahead}]").replace(
        "y, y_h = GRU <hidden_size = 2> (t, W, R)", STEPS[steps]
    )
    whole = text_model(text.replace("float[3, 3, 3] w_a", "float[3, 3, 3] w_a, float[1, 1, 2] w_h"))
    streamed = gru_lower.stream(whole, chunk=chunk, verify=False).model
    assert not {"Loop", "Scan", "If", "Shape"} & {node.op_type for node in streamed.graph.node}
    lowered = gru_lower.lower(streamed, target="portable", verify=False).model
    assert not {"GRU", "Loop", "Scan", "If", "Where"} & {node.op_type for node in lowered.graph.node}
    frames = np.random.default_rng(0).standard_normal((1, 3, 17)).astype(np.float32)
    for model in (streamed, lowered):
        assert streamed_error(whole, model, {"x": frames}, (1, 2, 7, chunk)) < 1e-5


@pytest.mark.parametrize("chunk", [1, 4, 5])
@pytest.mark.parametrize("pads", ["2, 0", "1, 1", "0, 2"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_last_states_are_those_at_the_end_of_the_stream(kind: str, pads: str, chunk: int) -> None:
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[kind]
    cell = ", float[1, 2, 2] c" if kind == "LSTM" else ""
    whole = text_model(f"""<ir_version: 8, opset_import: ["": 17]>
      g (float[2, 3, "T"] x, float[3, 3, 3] w_a, float[1, {gates * 2}, 3] W, float[1, {gates * 2}, 2] R)
        => (float["T", 1, 2, 2] y, float[1, 2, 2] h{cell}) {{
        a = Conv <pads = [{pads}]> (x, w_a)
        t = Transpose <perm = [2, 0, 1]> (a)
        y, h{", c" if cell else ""} = {kind} <hidden_size = 2> (t, W, R)
      }}""")
    frames = np.random.default_rng(0).standard_normal((2, 3, 17)).astype(np.float32)
    streamed = gru_lower.stream(whole, chunk=chunk, verify=False).model
    assert streamed_error(whole, streamed, {"x": frames}, (1, 2, 7, chunk)) < 1e-5
    if kind == "GRU":
        lowered = gru_lower.lower(streamed, target="portable", verify=False).model
        assert streamed_error(whole, lowered, {"x": frames}, (1, 7)) < 1e-5


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize(
    "between",
    ["b = Identity (a)", "b = Tanh (a)", "c = Transpose <perm = [0, 2, 1]> (a) b = Transpose <perm = [0, 2, 1]> (c)"],
)
def test_frames_that_a_model_hands_on_reach_what_reads_them(between: str, chunk: int) -> None:
    whole = text_model(f"""<ir_version: 8, opset_import: ["": 17]>
      g (float[1, 3, "T"] x, float[1, 3, 4] cache, float[3, 3, 3] w_a, float[3, 3, 5] w_b)
        => (float[1, 3, "T"] y, float[1, 3, 4] cache_out) {{
        begin = Constant <value = int64[1] {{-4}}> ()
        end = Constant <value = int64[1] {{9223372036854775807}}> ()
        axis = Constant <value = int64[1] {{2}}> ()
        two = Constant <value = int64[1] {{2}}> ()
        a = Concat <axis = 2> (cache, x)
        {between}
        near = Slice (b, two, end, axis)
        short = Conv (near, w_a)
        long = Conv (b, w_b)
        y = Add (short, long)
        cache_out = Slice (a, begin, end, axis)
      }}""")
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    stream = result.report.stream
    assert stream is not None
    assert stream.lag == 0
    assert [each.input for each in stream.states if each.kind != "count"] == ["cache"]
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 3, 17)), "cache": rng.standard_normal((1, 3, 4))}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    assert streamed_error(whole, result.model, feeds, (1, 2, 7)) < 1e-5


OWN = """<ir_version: 8, opset_import: ["": 17]>
  g (float[1, 3, "T"] x, float[1, 3, 6] cache, float[3, 3, 3] w_a, float[3, 3, 5] w_b, float[3] w_s)
    => (float[1, 3, "U"] y, float[1, 3, 6] cache_out) {
    begin = Constant <value = int64[1] {-6}> ()
    end = Constant <value = int64[1] {9223372036854775807}> ()
    axis = Constant <value = int64[1] {2}> ()
    two = Constant <value = int64[1] {2}> ()
    four = Constant <value = int64[1] {4}> ()
    less = Constant <value = int64[1] {-2}> ()
    a = Concat <axis = 2> (cache, x)
    cache_out = Slice (a, begin, end, axis)
"""
LONGER = {
    "and cuts behind": ("c = Conv (a, w_a) y = Slice (c, four, end, axis)", 0),
    "by one layer behind the other": ("c = Conv (a, w_a) r = Relu (c) y = Conv (r, w_b)", 0),
    "by two, and cuts": ("c = Conv (a, w_a) r = Relu (c) d = Conv (r, w_a) y = Slice (d, two, end, axis)", 0),
    "and hands out more frames": ("y = Conv (a, w_a)", 0),
    "beside what looks ahead": ("c = Slice (a, four, less, axis) d = Conv <pads = [1, 1]> (x, w_a) y = Add (c, d)", 1),
    "and looks ahead": ("c = Conv (a, w_a) d = Slice (c, four, end, axis) y = Conv <pads = [0, 2]> (d, w_a)", 2),
    "behind a norm": ("c = BatchNormalization (a, w_s, w_s, w_s, w_q) y = Conv <dilations = [3]> (c, w_a)", 0),
    "behind a softmax": ("c = Softmax <axis = 1> (a) y = Conv <dilations = [3]> (c, w_a)", 0),
    "with padding": ("c = Conv <pads = [1, 1]> (a, w_b) y = Slice (c, four, end, axis)", 7),
    "twice": ("c = Slice (a, four, end, axis) d = Mul (c, c) y = Conv (d, w_a)", 2),
}


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("what", LONGER)
def test_a_state_may_hold_more_frames_than_one_layer_reads(what: str, chunk: int) -> None:
    body, late = LONGER[what]
    text = OWN.replace("w_s)", "w_s, float[3] v)") + "w_q = Mul (v, v) " + body + "}"
    whole = text_model(text)
    whole.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "v"))
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 2}, verify=False)
    assert result.report.stream is not None
    assert result.report.stream.lag == late
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 3, 17)), "cache": rng.standard_normal((1, 3, 6))}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    assert streamed_error(whole, result.model, feeds, (1, 2, 7, chunk)) < 1e-5


def test_states_of_the_models_own_stay_as_they_are_behind_the_end() -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float["T", 1, 2] x, float[1, 1, 2] h, float[1, 6, 2] W, float[1, 6, 2] R, float[2, 2, 3] w_a)
        => (float[1, 2, "T"] y, float[1, 1, 2] hn) {
        one = Constant <value = int64[1] {1}> ()
        a, hn = GRU <hidden_size = 2> (x, W, R, , , h)
        s = Squeeze (a, one)
        t = Transpose <perm = [1, 2, 0]> (s)
        y = Conv <pads = [1, 1]> (t, w_a)
      }""")
    result = gru_lower.stream(whole, verify=False)
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((17, 1, 2)), "h": rng.standard_normal((1, 1, 2))}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    assert streamed_error(whole, result.model, feeds, (1, 7)) < 1e-5


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("ahead", [0, 2])
def test_a_sum_of_ones_counts_the_frames(ahead: int, chunk: int) -> None:
    whole = text_model(f"""<ir_version: 8, opset_import: ["": 17]>
      g (float["B", "T", 3] x, float[3, 3, 3] w_a) => (float["B", "T", 3] y) {{
        t = Transpose <perm = [0, 2, 1]> (x)
        c = Conv <pads = [{2 - ahead}, {ahead}]> (t, w_a)
        a = Transpose <perm = [0, 2, 1]> (c)
        axis = Constant <value_int = 1> ()
        dims = Shape (a)
        ones = ConstantOfShape <value = float[1] {{1}}> (dims)
        numbers = CumSum (ones, axis)
        sums = CumSum (a, axis)
        y = Div (sums, numbers)
      }}""")
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 1}, verify=False)
    assert result.report.stream is not None
    assert result.report.stream.lag == ahead
    frames = np.random.default_rng(0).standard_normal((2, 17, 3)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 2, 7)) < 1e-5


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_state_of_the_models_own_may_be_later_than_every_output(chunk: int) -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float[1, 3, "T"] x, float[1, 1, 2] h, float[3, 3, 3] w_a, float[1, 6, 3] W, float[1, 6, 2] R)
        => (float[1, 3, "T"] y, float[1, 1, 2] hn) {
        y = Conv <pads = [2, 0]> (x, w_a)
        a = Conv <pads = [0, 2]> (x, w_a)
        t = Transpose <perm = [2, 0, 1]> (a)
        b, hn = GRU <hidden_size = 2> (t, W, R, , , h)
      }""")
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    assert result.report.stream is not None
    assert (result.report.stream.lag, result.report.stream.settles) == (0, 2)
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 3, 17)), "h": rng.standard_normal((1, 1, 2))}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    assert streamed_error(whole, result.model, feeds, (1, 2, 7)) < 1e-5


def test_inputs_of_different_pace_are_refused_for_that() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
      g (float[1, 3, "T"] x, float[1, 2, "S"] z, float[3, 2, 2] w_a, float[3, 3, 3] w_b) => (float[1, 3, "T"] y) {
        a = Conv <strides = [2]> (z, w_a)
        b = Conv <pads = [2, 0]> (x, w_b)
        y = Add (a, b)
      }"""
    with pytest.raises(GruLowerError, match="does not fit where x and z have as many frames each") as caught:
        gru_lower.stream(text_model(text), chunk=2, time={"x": 2, "z": 2})
    assert caught.value.code == "GL858"


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_layer_norm_written_as_a_batch_norm_over_frames_streams(chunk: int) -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float["B", "T", 3] x, float[3, 3, 3] w_a) => (float["B", "T", 3] y) {
        t = Transpose <perm = [0, 2, 1]> (x)
        c = Conv <pads = [1, 1]> (t, w_a)
        a = Transpose <perm = [0, 2, 1]> (c)
        flat = Constant <value = int64[4] {1, -1, 3, 1}> ()
        dims = Shape (a)
        first = Shape <start = 0, end = 2> (a)
        count = ReduceProd <keepdims = 1> (first)
        r = Reshape (a, flat)
        ones = ConstantOfShape <value = float[1] {1}> (count)
        zeros = ConstantOfShape (count)
        m = ReduceMean <axes = [0, 2, 3]> (r)
        d = Sub (r, m)
        q = ReduceSumSquare <axes = [0, 2, 3], keepdims = 0> (d)
        axes = Constant <value = int64[3] {0, 2, 3}> ()
        mean = Squeeze (m, axes)
        three = Constant <value_float = 3.0> ()
        variance = Div (q, three)
        n = BatchNormalization <epsilon = 0.001> (r, ones, zeros, mean, variance)
        y = Reshape (n, dims)
      }""")
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 1}, verify=False)
    assert result.report.stream is not None
    assert result.report.stream.lag == 1
    frames = np.random.default_rng(0).standard_normal((2, 17, 3)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 2, 7)) < 1e-5
