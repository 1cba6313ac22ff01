"""Streaming: nodes that nothing uses, values of which the dims alone are read, and frames taken from the begin."""

from __future__ import annotations

import numpy as np
import pytest

import gru_lower
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


def streamed(body: str, chunk: int) -> gru_lower.Result:
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
