"""Decide on a model that was quantised by its accuracy: its values are meant to differ, what it predicts is not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.scopes import walk
from gru_lower.verification.comparing.operator_kinds import is_quantiser

if TYPE_CHECKING:
    import onnx

    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification

_LARGEST_DROP = 0.01
_IN_INT8 = ("DequantizeLinear", "MatMulInteger", "ConvInteger")


def computes_in_int8(model: onnx.ModelProto) -> bool:
    """Whether anything in the model is quantised, or computed with quantised weights."""
    return any(is_quantiser(node) or node.op_type in _IN_INT8 for scope in walk(model) for node in scope.nodes)


def one_is_quantised(a: onnx.ModelProto, b: onnx.ModelProto) -> bool:
    """Whether one of two models alone is quantised."""
    return computes_in_int8(a) != computes_in_int8(b)


def decides_by_fidelity(a: onnx.ModelProto, b: onnx.ModelProto, options: VerifyOptions) -> bool:
    """Whether noise decides on a pair rather than tolerances: one of the two alone is quantised.

    Args:
        a: The original.
        b: The rewrite.
        options: A tolerance that is given there decides.

    """
    if options.has_tolerance:
        return False
    return one_is_quantised(a, b) if options.by_fidelity is None else options.by_fidelity


def decide_by_labels(found: Verification) -> Verification:
    """Return the verdict on a pair of which one side is quantised and whose accuracy is known.

    It is "equivalent" if no output's accuracy is lower by more than 1 % of its labels.

    Args:
        found: The verdict without it, with the accuracy of labelled outputs.

    """
    if not found.accuracy or found.max_abs_error is None or not math.isfinite(found.max_abs_error):
        return found
    texts = [f"{each.output}: {each.before:.2%} before, {each.after:.2%} after" for each in found.accuracy]
    said = f"one model is quantised, so the accuracy decides ({'; '.join(texts)})"
    if any(each.after < each.before - _LARGEST_DROP - 1e-12 for each in found.accuracy):
        return replace(found, status="different", message=f"{said}; {found.message}")
    return replace(found, status="equivalent", message=said, counterexample=None, least_atol=None, least_rtol=None)
