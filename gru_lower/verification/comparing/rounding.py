"""Judge whether rounding or an overflow explains how far a rewrite's outputs are from the original's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import eps, is_float
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance

_FACTOR = 4.0
_STEADY = 16.0
_JITTERS = 6
_JITTER_STEPS = {"float16": 2, "bfloat16": 2}  # of the last bit
_JITTER_STEPS_FINER = 8  # of the last bit, for finer types: what two correct float32 sigmoids differ by


def beyond_rounding(
    before: Feeds,
    after: Feeds,
    original: Callable[[Feeds], Feeds],
    feeds: Feeds,
    factor: float = _FACTOR,
    limits: Callable[[str, Array], Tolerance] | None = None,
) -> bool:
    """Whether the rewrite is further from the original than that is from itself when its inputs' last bits change.

    Of what is no float, an element that differs has to stay what it is under all such changes.

    Args:
        before: The original's outputs.
        after: The rewrite's.
        original: Runs the original once.
        feeds: The inputs.
        factor: How many times as far.
        limits: The tolerance for an output, by its name and values; with it, what is out of tolerance beside what is
            steady counts by itself.

    """
    try:
        samples = [original(_jittered(feeds, seed)) for seed in range(_JITTERS)]
    except RunFailure:
        return False
    for name, expected in before.items():
        actual = after[name]
        if actual.shape != expected.shape or actual.dtype != expected.dtype:
            return True
        if any(sample[name].shape != expected.shape for sample in samples):
            continue
        if is_float(expected.dtype):
            gap, bit = errors(expected, actual), eps(expected.dtype) * magnitudes(expected)
            own = np.max([errors(expected, sample[name]) for sample in samples], axis=0)
            if gap.max(initial=0.0) > factor * max(own.max(initial=0.0), bit.max(initial=0.0)):
                return True
            if limits is not None and gap.ndim:  # one sequence may be steady beside another that is not
                steady = _STEADY * np.maximum(own, bit).max(axis=-1, keepdims=True, initial=0.0)
                if np.any((gap > limits(name, expected).bound(magnitudes(expected))) & (gap > steady)):
                    return True
        else:
            steady = np.all([sample[name] == expected for sample in samples], axis=0)
            if np.any(steady & (actual != expected)):
                return True
    return False


def overflown(before: Feeds, after: Feeds) -> bool:
    """Whether an output is infinite or NaN in both models, and not in the same way: past that, order decides."""
    for name, expected in before.items():
        actual = after[name]
        if is_float(expected.dtype) and actual.shape == expected.shape:
            gap = errors(expected, actual)
            with np.errstate(invalid="ignore"):
                if np.any(np.isinf(gap) & ~np.isfinite(expected) & ~np.isfinite(actual)):
                    return True
    return False


def _jittered(feeds: Feeds, seed: int) -> Feeds:
    """Return the inputs with every float moved by some last bits of its array's largest value."""
    rng = np.random.default_rng([seed, 5])
    moved = {}
    for name, array in feeds.items():
        if is_float(array.dtype) and array.dtype.kind != "c":
            steps = _JITTER_STEPS.get(array.dtype.name, _JITTER_STEPS_FINER)
            size = steps * eps(array.dtype) * magnitudes(array).max(initial=0.0)
            moved[name] = (array.astype(np.float64) + size * rng.uniform(-1, 1, array.shape)).astype(array.dtype)
        else:
            moved[name] = array
    return moved
