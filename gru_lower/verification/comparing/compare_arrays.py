"""Compare two arrays element by element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float, is_text
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.comparing.least_tolerance import least_tolerances

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array
    from gru_lower.verification.comparing.elementwise_errors import Floats
    from gru_lower.verification.comparing.tolerance import Tolerance


@dataclass(frozen=True)
class Comparison:
    """Two arrays side by side.

    Attributes:
        ok: Within tolerance.
        max_abs: Largest absolute error; infinite where only one side is NaN or infinite; None if not numeric.
        max_rel: Largest error relative to |expected|, over the elements where that exceeds atol; below it, a
            relative error says nothing.
        index: Where the error most exceeds its bound; None if all is equal or there are no elements.
        expected: The element there (NaN if not a number).
        actual: The other element there.
        needed_atol: The least atol that would pass with the same rtol; infinite if none would.
        least_atol: The same in two digits, rounded up: what a person gives to make it pass.
        least_rtol: The least rtol that would pass with the same atol, likewise; infinite if none would.
        reason: Why not ok, in one line; "" if ok.
        note: What to know although it is ok.
        steps: How many quantised values moved by one step, and of how many; (0, 0) if none may.

    """

    ok: bool
    max_abs: float | None = None
    max_rel: float | None = None
    index: tuple[int, ...] | None = None
    expected: float = math.nan
    actual: float = math.nan
    needed_atol: float = 0.0
    least_atol: float = 0.0
    least_rtol: float = 0.0
    reason: str = ""
    note: str = ""
    steps: tuple[int, int] = (0, 0)


def compare(expected: Array, actual: Array, tolerance: Tolerance) -> Comparison:
    """Compare element by element. NaN equals NaN, infinity the same infinity; types and shapes must be the same."""
    difference = type_difference(expected, actual)
    if difference:
        return Comparison(ok=False, reason=difference, needed_atol=math.inf, least_atol=math.inf, least_rtol=math.inf)
    if is_text(expected.dtype):
        return _compare_texts(expected, actual)
    return compare_numbers(expected, actual, errors(expected, actual), magnitudes(expected), tolerance)


def compare_numbers(expected: Array, actual: Array, error: Floats, scale: Floats, tolerance: Tolerance) -> Comparison:
    """Compare numeric arrays whose errors are known.

    Args:
        expected: What is right.
        actual: What was computed, in the same type and shape.
        error: The absolute errors.
        scale: The sizes that the relative tolerance is of: an error may be up to atol + rtol * `scale`.
        tolerance: For the arrays' element type.

    """
    if not error.size:
        return Comparison(ok=True, max_abs=0.0, max_rel=0.0)
    size = magnitudes(expected)
    relevant = size > tolerance.atol
    max_abs = float(error.max())
    max_rel = float((error[relevant] / size[relevant]).max()) if relevant.any() else 0.0
    excess = error - tolerance.bound(scale)
    index = tuple(int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape)) if max_abs else None
    ok = bool((excess <= 0).all())
    first, second = (_number(expected[index]), _number(actual[index])) if index is not None else (math.nan, math.nan)
    reason = "" if ok else f"{_shown(expected, index)} became {_shown(actual, index)}"
    steps = (int((error > 0).sum()), error.size) if ok and tolerance.atol and not is_float(expected.dtype) else (0, 0)
    note = f"{steps[0]} of {steps[1]} quantised values moved by one step" if steps[0] else ""
    needed = max(0.0, float((excess + tolerance.atol).max()))
    least = (0.0, 0.0) if ok else (math.inf, math.inf)  # of whole numbers, which have no tolerance that can be set
    if is_float(expected.dtype):
        least = least_tolerances(error, scale, tolerance)
    return Comparison(ok, max_abs, max_rel, index, first, second, needed, *least, reason, note, steps)


def type_difference(expected: Array, actual: Array) -> str:
    """Return how the type or shape of an array differs from what is expected, in one line; "" if it does not."""
    if expected.dtype != actual.dtype and not (is_text(expected.dtype) and is_text(actual.dtype)):
        return f"type {expected.dtype.name} became {actual.dtype.name}"
    if expected.shape != actual.shape:
        return f"shape {list(expected.shape)} became {list(actual.shape)}"
    return ""


def _compare_texts(expected: Array, actual: Array) -> Comparison:
    wrong = np.argwhere(np.asarray(expected != actual))
    if not len(wrong):
        return Comparison(ok=True)
    index = tuple(int(i) for i in wrong[0])
    reason = f"{expected[index]!r} became {actual[index]!r}; {len(wrong)} of {expected.size} strings differ"
    return Comparison(
        ok=False, index=index, needed_atol=math.inf, least_atol=math.inf, least_rtol=math.inf, reason=reason
    )


def _number(value: Any) -> float:  # noqa: ANN401 - a numpy or ml_dtypes scalar
    return math.nan if isinstance(value, complex | np.complexfloating) else float(value)


def _shown(values: Array, index: tuple[int, ...] | None) -> str:
    value = values[() if index is None else index]
    return f"{float(value):.6g}" if is_float(values.dtype) and values.dtype.kind != "c" else str(value)
