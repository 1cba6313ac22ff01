"""Streaming: padding that repeats or mirrors frames, first frames in front of others, windows that are gathered."""

from __future__ import annotations

import numpy as np
import pytest

import gru_lower
from gru_lower.errors import GruLowerError
from stream_models import streamed_error, text_model

HEAD = """<ir_version: 8, opset_import: ["": 17]>
g (float["B", 3, "T"] x, float[3, 3, 3] w_a, float[3, 3, 2] w_b) => (float["B", 3, "U"] y) {
  zero = Constant <value = int64[1] {0}> ()
  one = Constant <value = int64[1] {1}> ()
  two = Constant <value = int64[1] {2}> ()
  last = Constant <value = int64[1] {-1}> ()
  end = Constant <value = int64[1] {9223372036854775807}> ()
  axis = Constant <value = int64[1] {2}> ()
  share = Constant <value_float = 0.97> ()
"""
BEFORE = {
    "the input": "a = Identity (x) ",
    "look-ahead": "a0 = Conv <pads = [0, 2]> (x, w_a) a = Conv <pads = [1, 1]> (a0, w_a) ",
    "what may be infinite": "a0 = Conv <pads = [0, 2]> (x, w_a) a1 = Abs (a0) a = Log (a1) ",
}
BEHIND = {
    "a convolution": "y = Conv (p, w_a) ",
    "a function": "q = Tanh (p) y = Conv (q, w_a) ",
    "a view": "r = Transpose <perm = [0, 2, 1]> (p) q = Transpose <perm = [0, 2, 1]> (r) y = Conv (q, w_b) ",
    "padding": "y = Conv <dilations = [3], pads = [2, 1]> (p, w_a) ",
    "differences": "s = Slice (p, one, end, axis) t = Slice (p, zero, last, axis) y = Sub (s, t) ",
    "nothing": "y = Relu (p) ",
}


def lag(body: str, chunk: int, frames: tuple[int, ...] = (19, 9)) -> int:
    """Stream a model, hold it to the whole one, and return how late it is."""
    whole = text_model(HEAD + body + "}")
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 2}, verify=False)
    for fed in frames:
        sequence = np.random.default_rng(0).standard_normal((2, 3, fed)).astype(np.float32)
        assert streamed_error(whole, result.model, {"x": sequence}, (1, 7, chunk)) < 1e-4
    assert result.report.stream is not None
    return result.report.stream.lag


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    ("mode", "pads"), [("edge", "2, 1"), ("reflect", "2, 1"), ("edge", "0, 3"), ("reflect", "0, 2")]
)
def test_padding_repeats_or_mirrors_frames(mode: str, pads: str, before: str, behind: str, chunk: int) -> None:
    front, back = pads.split(", ")
    padding = (
        f"""n = Constant <value = int64[6] {{0, 0, {front}, 0, 0, {back}}}> () p = Pad <mode = "{mode}"> (a, n) """
    )
    lag(BEFORE[before] + padding + BEHIND[behind], chunk)


@pytest.mark.parametrize(
    ("mode", "pads", "late"),
    [("edge", "0, 0, 2, 0, 0, 0", 0), ("edge", "0, 0, 1, 0, 0, 1", 1), ("reflect", "0, 0, 1, 0, 0, 1", 1)],
)
def test_padding_waits_for_what_it_is_made_of_and_no_longer(mode: str, pads: str, late: int) -> None:
    body = f'n = Constant <value = int64[6] {{{pads}}}> () p = Pad <mode = "{mode}"> (x, n) y = Conv (p, w_a) '
    assert lag(body, 1) == late


FIRST = "f = Slice (a, zero, one, axis) "
REST = "s = Slice (a, one, end, axis) t = Slice (a, zero, last, axis) u = Mul (share, t) d = Sub (s, u) "
IN_FRONT = {
    "pre-emphasis": FIRST + REST + "y = Concat <axis = 2> (f, d) ",
    "another scale": FIRST
    + REST
    + "g = Mul (f, share) q = Concat <axis = 2> (g, d) y = Conv <pads = [2, 0]> (q, w_a) ",
    "two frames": """f = Slice (a, zero, two, axis) s = Slice (a, two, end, axis)
      d = Conv <pads = [1, 1]> (s, w_a) y = Concat <axis = 2> (f, d) """,
    "the first one again": FIRST + "q = Concat <axis = 2> (f, f, a) y = Conv (q, w_a) ",
    "the first one, expanded": FIRST
    + """n = Constant <value = int64[3] {1, 1, 2}> () e = Expand (f, n)
      q = Concat <axis = 2> (e, a) y = Conv (q, w_a) """,
    "the first one, tiled": FIRST
    + """n = Constant <value = int64[3] {1, 1, 2}> () e = Tile (f, n)
      q = Concat <axis = 2> (e, a) y = Conv (q, w_a) """,
}


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("what", IN_FRONT)
@pytest.mark.parametrize("before", BEFORE)
def test_first_frames_stand_in_front_of_others(before: str, what: str, chunk: int) -> None:
    late = lag(BEFORE[before] + IN_FRONT[what], chunk)
    assert before != "the input" or late == (what == "two frames")


@pytest.mark.parametrize(
    "body",
    ["y = Slice (x, zero, two, axis) ", "f = Slice (x, zero, one, axis) y = Sub (x, f) "],
    ids=["alone", "joined"],
)
def test_first_frames_for_anything_else_are_refused(body: str) -> None:
    with pytest.raises(GruLowerError, match="frames") as caught:
        lag(body, 1)
    assert caught.value.code in {"GL855", "GL858"}


@pytest.mark.parametrize("chunk", [1, 4])
def test_windows_that_are_gathered_are_windows(chunk: int) -> None:
    body = """i0 = Constant <value_int = 0> () by = Constant <value_int = 1> ()
      dims = Shape <start = 2, end = 3> (x) scalar = Squeeze (dims, zero) four = Constant <value_int = 4> ()
      limit = Sub (scalar, four) starts = Range (i0, limit, by) column = Unsqueeze (starts, last)
      offsets = Constant <value = int64[3] {0, 1, 2}> () places = Add (column, offsets)
      found = Gather <axis = 2> (x, places) r = Transpose <perm = [0, 1, 3, 2]> (found)
      y = ReduceMax <axes = [2], keepdims = 0> (r) """
    lag(body, chunk, (20, 12))


@pytest.mark.parametrize(("step", "first", "chunk"), [(1, 0, 1), (1, 2, 3), (2, 0, 2), (2, 1, 4)])
def test_windows_of_a_model_for_one_length_are_windows(step: int, first: int, chunk: int) -> None:
    count = (24 - first - 3) // step + 1
    places = [first + step * row + column for row in range(count) for column in range(3)]
    whole = text_model(f"""<ir_version: 8, opset_import: ["": 17]>
      g (float[2, 3, 24] x) => (float[2, 3, {count}] y) {{
        places = Constant <value = int64[{count}, 3] {{{", ".join(map(str, places))}}}> ()
        found = Gather <axis = 2> (x, places)
        y = ReduceMax <axes = [3], keepdims = 0> (found)
      }}""")
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 2}, verify=False)
    frames = np.random.default_rng(0).standard_normal((2, 3, 24)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 7, chunk)) < 1e-4


@pytest.mark.parametrize("chunk", [2, 4])
def test_grouped_frames_that_are_taken_apart_are_stepped_on(chunk: int) -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float["B", "T", 2] x, float[1, 12, 4] W, float[1, 12, 4] R, float[1, 6, 2] Wb, float[1, 6, 2] Rb)
        => (float["T", 1, "B", 2] y) {
        pairs = Constant <value = int64[3] {0, -1, 4}> ()
        back = Constant <value = int64[3] {0, -1, 2}> ()
        one = Constant <value = int64[1] {1}> ()
        g = Reshape (x, pairs)
        t = Transpose <perm = [1, 0, 2]> (g)
        a, a_h = GRU <hidden_size = 4> (t, W, R)
        s = Squeeze (a, one)
        b = Transpose <perm = [1, 0, 2]> (s)
        c = Reshape (b, back)
        u = Transpose <perm = [1, 0, 2]> (c)
        y, y_h = GRU <hidden_size = 2> (u, Wb, Rb)
      }""")
    result = gru_lower.stream(whole, chunk=chunk, verify=False)
    frames = np.random.default_rng(0).standard_normal((2, 20, 2)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 7, chunk)) < 1e-4


def test_a_model_that_was_exported_for_one_length_is_refused_for_that() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
      g (float["T", "B", 2] x, float[1, 6, 2] W, float[1, 6, 2] R) => (float[48, "B", 2] y) {
        fixed = Constant <value = int64[3] {48, -1, 2}> ()
        a, a_h = GRU <hidden_size = 2> (x, W, R)
        t = Transpose <perm = [0, 2, 1, 3]> (a)
        y = Reshape (t, fixed)
      }"""
    with pytest.raises(GruLowerError, match="axis 0 of what it makes is 48, however many frames there are") as caught:
        gru_lower.stream(text_model(text))
    assert caught.value.code == "GL853"


@pytest.mark.parametrize("chunk", [2, 4])
def test_frames_that_were_grouped_stand_beside_others(chunk: int) -> None:
    whole = text_model("""<ir_version: 8, opset_import: ["": 17]>
      g (float["B", "T", 2] x, float[4, 4] w_a) => (float["B", "T", 4] y) {
        pairs = Constant <value = int64[3] {0, -1, 4}> ()
        back = Constant <value = int64[3] {0, -1, 2}> ()
        g = Reshape (x, pairs)
        m = MatMul (g, w_a)
        c = Reshape (m, back)
        y = Concat <axis = 2> (c, x)
      }""")
    result = gru_lower.stream(whole, chunk=chunk, time={"x": 1}, verify=False)
    frames = np.random.default_rng(0).standard_normal((2, 20, 2)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 7, chunk)) < 1e-5


def test_pre_emphasis_of_a_model_for_one_length_streams() -> None:
    text = (HEAD + IN_FRONT["pre-emphasis"].replace("(a,", "(x,") + "}").replace('"B"', "2").replace('"T"', "24")
    whole = text_model(text.replace('"U"', "24"))
    result = gru_lower.stream(whole, time={"x": 2}, verify=False)
    frames = np.random.default_rng(0).standard_normal((2, 3, 24)).astype(np.float32)
    assert streamed_error(whole, result.model, {"x": frames}, (1, 7)) < 1e-5


def test_frames_that_are_taken_one_by_one_are_refused_for_that() -> None:
    with pytest.raises(GruLowerError, match="it takes single frames out of axis 2, which is time"):
        lag("f = Slice (x, zero, one, axis) g = Squeeze (f, axis) r = Relu (g) y = Unsqueeze (r, axis) ", 1)
