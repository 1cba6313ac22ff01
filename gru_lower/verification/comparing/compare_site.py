"""Compare a rewritten GRU's output with the original's and with the operator computed in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import eps, is_float, widened
from gru_lower.verification.comparing.compare_arrays import Comparison, compare, compare_numbers, type_difference
from gru_lower.verification.comparing.elementwise_errors import errors, largest_finite, magnitudes, stands_out

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array
    from gru_lower.verification.comparing.tolerance import Tolerance


def compare_site(
    original: Array | None, rewrite: Array, truth: Array | None, tolerance: Tolerance, state_scale: float = 0.0
) -> Comparison:
    """Compare a rewritten site's output with the original's and with float64.

    It passes if every |original - rewrite| <= atol + rtol * max(|truth|, state_scale); or else if the rewrite's
    largest error against the truth is at most 4 times the original's, plus 64 eps * max(|truth|, state_scale), and it
    nowhere `stands_out` from the original's: what a chaotic recurrence makes of the last bits is not the rewrite's
    fault, but a first step that is wrong while the original's is right is.

    Args:
        original: The original's output; the truth stands in if nothing ran it.
        rewrite: The replacement's output.
        truth: The output in float64; the original stands in if there is none.
        tolerance: For the output's element type.
        state_scale: Largest |initial_h|, in whose size h is lost when a gate is nearly closed.

    """
    known = original if original is not None else truth
    if known is None:
        msg = "neither an original nor a truth to compare with"
        raise ValueError(msg)
    with np.errstate(over="ignore"):  # what overflows is infinite in the model too
        expected = known if original is not None else known.astype(rewrite.dtype)
    if type_difference(expected, rewrite) or not is_float(rewrite.dtype):
        return compare(expected, rewrite, tolerance)
    right = known if truth is None else truth
    scale = np.maximum(magnitudes(right), state_scale)
    plain = compare_numbers(expected, rewrite, errors(expected, rewrite), scale, tolerance)
    if plain.ok or truth is None or not math.isfinite(plain.max_abs or 0.0):
        return plain
    old = np.zeros(truth.shape) if original is None else errors(truth, widened(original))
    new = errors(truth, widened(rewrite))
    bit = eps(rewrite.dtype) * float(scale.max())
    if largest_finite(new) > 4 * largest_finite(old) + 64 * bit or stands_out(new, np.maximum(old, bit)):
        return plain
    note = f"errors against float64: original {largest_finite(old):.2g}, rewrite {largest_finite(new):.2g}"
    return replace(plain, ok=True, least_atol=0.0, least_rtol=0.0, reason="", note=note)
