"""A user's file that hands in onnx_ir's models, where that package is installed. Type-checked, never run."""

from typing import assert_type

import onnx_ir

import gru_lower


def rewritten(model: onnx_ir.Model) -> None:
    assert_type(gru_lower.lower(model, assume="full-length").model, onnx_ir.Model)
    assert_type(gru_lower.fuse(model, require=1).model, onnx_ir.Model)
    assert_type(gru_lower.legalize(model, target="mnn").model, onnx_ir.Model)
    assert_type(gru_lower.quantize(model, weights_only=True).model, onnx_ir.Model)
    assert_type(gru_lower.fix(model, unsafe=True, select=["GL711"]).model, onnx_ir.Model)
