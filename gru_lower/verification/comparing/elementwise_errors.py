"""Errors of arrays against each other, element by element in float64, and whether single ones stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gru_lower.verification.arrays import widened

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array

Floats = npt.NDArray[np.float64]

_GROSS = 1000.0
_FEW = 0.01


def errors(expected: Array, actual: Array) -> Floats:
    """Return |expected - actual| in float64, of arrays of one shape; infinite where only one is NaN or infinite."""
    a, b = widened(expected), widened(actual)
    same = (expected == actual) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        distance: Floats = np.abs(a - b)
    if expected.dtype.kind in "iu":
        distance = np.maximum(distance, 1.0)  # float64 cannot tell neighbours beyond 2**53 apart
    return np.where(same, 0.0, np.where(np.isfinite(distance), distance, np.inf))


def magnitudes(values: Array) -> Floats:
    """Return |values| in float64, 0 where that is no finite number: a bound must not be infinite."""
    size = np.abs(widened(values))
    return np.where(np.isfinite(size), size, 0.0)


def stands_out(error: Floats, own: Floats) -> bool:
    """Whether an error is too large to be explained by what its surroundings do by themselves.

    It is if, of the elements with an error worth the name, more than one in a hundred exceeds 1000 times the largest of
    `own` along its last axis.
    """
    error, own = np.atleast_1d(error), np.atleast_1d(own)
    worth = (error > largest_finite(error) / _GROSS) & np.isfinite(error)
    limit = np.broadcast_to(_GROSS * own.max(axis=-1, keepdims=True), error.shape)
    return bool(np.mean(error[worth] > limit[worth]) > _FEW) if worth.any() else False


def largest_finite(values: Floats) -> float:
    """Return the largest value that is finite, 0 if none is positive."""
    return float(values[np.isfinite(values)].max(initial=0.0))
