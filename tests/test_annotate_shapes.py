"""Shapes are written for what is new, and are the same whether the whole model or only that is inferred."""

from __future__ import annotations

from typing import Literal

import onnx
import pytest

import gru_lower
import zoo
from gru_lower.graph import annotate_shapes
from gru_lower.graph.shape_inference import Table, infer

CONV_BEFORE = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1, 2, 9] x) => (float[1, 4] y)
      <float[3, 2, 3] k = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9},
       float[1, 12, 3] W = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                            1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9},
       float[1, 12, 4] R = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4,
                            1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4},
       int64[1] zero = {0}>
    { c = Conv (x, k)  X = Transpose <perm = [2, 0, 1]> (c)  Y, Y_h = GRU <hidden_size = 4> (X, W, R)
      y = Squeeze (Y_h, zero) }
"""


@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("form", ["scan", "unroll", "loop"])
def test_the_part_that_is_new_has_the_shapes_of_the_whole(
    form: Literal["scan", "unroll", "loop"], *, declares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.from_text(CONV_BEFORE)
    if declares:
        model = onnx.shape_inference.infer_shapes(model)
    by_part = gru_lower.lower(model, form=form, verify=False).model
    monkeypatch.setattr(annotate_shapes, "_new_part", lambda *_: None)
    whole = gru_lower.lower(model, form=form, verify=False).model
    assert by_part == whole
    assert len(by_part.graph.value_info) > len(model.graph.value_info)


def test_of_a_large_model_only_the_part_is_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    inferred: list[onnx.ModelProto] = []

    def seen(part: onnx.ModelProto) -> Table:
        inferred.append(part)
        return infer(part)

    monkeypatch.setattr(annotate_shapes, "infer", seen)
    gru_lower.lower(onnx.shape_inference.infer_shapes(zoo.from_text(CONV_BEFORE)), form="unroll", verify=False)
    (part,) = inferred
    assert not any(node.op_type == "Conv" for node in part.graph.node)
