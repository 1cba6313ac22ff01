"""How far apart two arrays are, and whether that is within tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.verification.result import Array

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tolerance:
    """An element passes if |expected - actual| <= atol + rtol * |expected|."""

    rtol: float
    atol: float


# By element type. Integers, booleans and strings are exact, but for the 8-bit ones: see `tolerance_for`.
DEFAULTS = {
    "float64": Tolerance(1e-9, 1e-9),
    "float32": Tolerance(1e-4, 1e-5),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(5e-2, 5e-2),
    "complex64": Tolerance(1e-4, 1e-5),
    "complex128": Tolerance(1e-9, 1e-9),
}
_EXACT = Tolerance(0.0, 0.0)
_ONE_STEP = Tolerance(0.0, 1.0)

_TINY = 1e-300
_GROSS = 1000.0
_FEW = 0.01


def tolerance_for(
    dtype: np.dtype[Any], *, rtol: float | None = None, atol: float | None = None, computed_in: str | None = None
) -> Tolerance:
    """Return the tolerance for an output.

    Args:
        dtype: Its element type. int8 and uint8 are taken for quantised values, which rounding may move by one step.
        rtol: Instead of the default, for types that have one.
        atol: Instead of the default, for types that have one.
        computed_in: The coarsest float type inside the model ("float16"): a float32 output cannot be better.

    """
    if dtype.name not in DEFAULTS:
        if is_float(dtype):  # the 8- and 4-bit floats: two neighbouring values
            default = Tolerance(2 * eps(dtype), 2 * eps(dtype))
        else:
            return _ONE_STEP if dtype.name in {"int8", "uint8"} else _EXACT
    else:
        default = DEFAULTS[dtype.name]
        inside = DEFAULTS.get(computed_in or "", default)
        default = Tolerance(max(default.rtol, inside.rtol), max(default.atol, inside.atol))
    return Tolerance(default.rtol if rtol is None else rtol, default.atol if atol is None else atol)


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether the type is a real or complex float; ml_dtypes's floats are of no kind numpy knows."""
    return dtype.kind in "fc" or "float" in dtype.name


def eps(dtype: np.dtype[Any]) -> float:
    """Return the distance from 1 to the next value of a float type."""
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]


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


def compare(expected: Array, actual: Array, tolerance: Tolerance) -> Comparison:
    """Compare element by element. NaN equals NaN, infinity the same infinity; types and shapes must be the same."""
    clash = _clash(expected, actual)
    if clash:
        return Comparison(ok=False, reason=clash, needed_atol=math.inf, least_atol=math.inf, least_rtol=math.inf)
    if expected.dtype.kind in "OUST":
        return _compare_texts(expected, actual)
    return judged(expected, actual, errors(expected, actual), magnitudes(expected), tolerance)


def errors(expected: Array, actual: Array) -> Floats:
    """Return |expected - actual| in float64, of arrays of one shape; infinite where only one is NaN or infinite."""
    a, b = _wide(expected), _wide(actual)
    same = (expected == actual) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        distance: Floats = np.abs(a - b)
    if expected.dtype.kind in "iu":
        distance = np.maximum(distance, 1.0)  # float64 cannot tell neighbours beyond 2**53 apart
    return np.where(same, 0.0, np.where(np.isfinite(distance), distance, np.inf))


def magnitudes(values: Array) -> Floats:
    """Return |values| in float64, 0 where that is no finite number: a bound must not be infinite."""
    size = np.abs(_wide(values))
    return np.where(np.isfinite(size), size, 0.0)


def judged(expected: Array, actual: Array, error: Floats, scale: Floats, tolerance: Tolerance) -> Comparison:
    """Return the comparison of numeric arrays whose errors may be up to atol + rtol * `scale`, elementwise."""
    if not error.size:
        return Comparison(ok=True, max_abs=0.0, max_rel=0.0)
    size = magnitudes(expected)
    relevant = size > tolerance.atol
    max_abs = float(error.max())
    max_rel = float((error[relevant] / size[relevant]).max()) if relevant.any() else 0.0
    excess = error - (tolerance.atol + tolerance.rtol * scale)
    index = tuple(int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape)) if max_abs else None
    ok = bool((excess <= 0).all())
    first, second = (_number(expected[index]), _number(actual[index])) if index is not None else (math.nan, math.nan)
    reason = "" if ok else f"{_plain(expected, index)} became {_plain(actual, index)}"
    quantised = ok and max_abs and expected.dtype.name in {"int8", "uint8"}
    note = f"{int((error > 0).sum())} of {error.size} quantised values moved by one step" if quantised else ""
    needed = max(0.0, float((excess + tolerance.atol).max()))
    least = (0.0, 0.0) if ok else (math.inf, math.inf)  # of whole numbers, which have no tolerance that can be set
    if is_float(expected.dtype):
        least = _least(error, scale, tolerance)
    return Comparison(ok, max_abs, max_rel, index, first, second, needed, *least, reason, note)


def _least(error: Floats, scale: Floats, tolerance: Tolerance) -> tuple[float, float]:
    """Return the least atol and the least rtol that pass, each with the other as it is; both were tried."""
    beyond = error > tolerance.atol
    with np.errstate(divide="ignore", over="ignore"):
        rtol = float(((error[beyond] - tolerance.atol) / scale[beyond]).max(initial=0.0))
    atol = float((error - tolerance.rtol * scale).max())
    atol = _two_digits(atol, lambda tried: bool((error <= tried + tolerance.rtol * scale).all()))
    return atol, _two_digits(rtol, lambda tried: bool((error <= tolerance.atol + tried * scale).all()))


def _two_digits(value: float, passes: Callable[[float], bool]) -> float:
    """Return the least number of two digits that is no less than the value, and passes."""
    if value <= 0 or not math.isfinite(value):
        return max(value, 0.0)
    value = max(value, _TINY)
    exponent = math.floor(math.log10(value)) - 1
    digits = math.floor(value / 10.0**exponent * (1 + 1e-12))
    while not passes(tried := float(f"{digits}e{exponent}")):
        digits += 1
    return tried


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
    clash = _clash(expected, rewrite)
    if clash or not is_float(rewrite.dtype):
        return compare(expected, rewrite, tolerance)
    right = known if truth is None else truth
    scale = np.maximum(magnitudes(right), state_scale)
    plain = judged(expected, rewrite, errors(expected, rewrite), scale, tolerance)
    if plain.ok or truth is None or not math.isfinite(plain.max_abs or 0.0):
        return plain
    old = np.zeros(truth.shape) if original is None else errors(truth, _wide(original))
    new = errors(truth, _wide(rewrite))
    bit = eps(rewrite.dtype) * float(scale.max())
    if _largest_finite(new) > 4 * _largest_finite(old) + 64 * bit or stands_out(new, np.maximum(old, bit)):
        return plain
    note = f"errors against float64: original {_largest_finite(old):.2g}, rewrite {_largest_finite(new):.2g}"
    return replace(plain, ok=True, least_atol=0.0, least_rtol=0.0, reason="", note=note)


def stands_out(error: Floats, own: Floats) -> bool:
    """Whether an error is too large to be explained by what its surroundings do by themselves.

    It is if, of the elements with an error worth the name, more than one in a hundred exceeds 1000 times the largest of
    `own` along its last axis.
    """
    error, own = np.atleast_1d(error), np.atleast_1d(own)
    worth = (error > _largest_finite(error) / _GROSS) & np.isfinite(error)
    limit = np.broadcast_to(_GROSS * own.max(axis=-1, keepdims=True), error.shape)
    return bool(np.mean(error[worth] > limit[worth]) > _FEW) if worth.any() else False


def _clash(expected: Array, actual: Array) -> str:
    strings = "OUST"
    if expected.dtype != actual.dtype and not (expected.dtype.kind in strings and actual.dtype.kind in strings):
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


def _wide(values: Array) -> npt.NDArray[Any]:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def _largest_finite(values: Floats) -> float:
    return float(values[np.isfinite(values)].max(initial=0.0))


def _number(value: Any) -> float:  # noqa: ANN401 - a numpy or ml_dtypes scalar
    return math.nan if isinstance(value, complex | np.complexfloating) else float(value)


def _plain(values: Array, index: tuple[int, ...] | None) -> str:
    value = values[() if index is None else index]
    return f"{float(value):.6g}" if is_float(values.dtype) and values.dtype.kind != "c" else str(value)
