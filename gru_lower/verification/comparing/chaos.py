"""Whether a model is so chaotic that the last bits of its inputs decide its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.comparing.tolerance import eps, errors, is_float, magnitudes, stands_out
from gru_lower.verification.worker.client import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.result import Array, Feeds

_STEPS = 8  # of the last bit: what two correct float32 sigmoids differ by
_SAMPLES = 3
_FACTOR = 4.0
_STEADY = 16.0
_JITTERS = 6
_JITTER_STEPS = {"float16": 2, "bfloat16": 2}  # of the last bit; _STEPS for finer types
_AMPLIFIED = 16.0  # less is no chaos: a float16 model moves that much by rounding


def movement_if_chaotic(
    run: Callable[[Feeds], Feeds], feeds: Feeds, original: Feeds, rewrite: Feeds, outputs: Iterable[str]
) -> float | None:
    """Return how far a chaotic original's outputs move on their own; None if that does not explain the difference.

    It does if, in each of the outputs, a relative change of the inputs comes out at least 16 times as large, the
    largest difference is at most 4 times the largest movement, and no difference `stands_out` where next to nothing
    moves: a wrong first step stays wrong.

    Args:
        run: Runs the original once.
        feeds: The inputs of the case that differs.
        original: The original's outputs on them.
        rewrite: The rewrite's outputs on them.
        outputs: The names of those that differ.

    """
    if not any(is_float(array.dtype) and array.size for array in feeds.values()):
        return None
    try:
        samples = [run(nudged(feeds, seed)) for seed in range(_SAMPLES)]
    except RunFailure:
        return None  # the last bits even decide whether it runs: nothing is explained
    largest = 0.0
    for name in outputs:
        if rewrite[name].shape != original[name].shape or not is_float(original[name].dtype):
            return None
        gap = errors(original[name], rewrite[name])
        moved = np.max([errors(original[name], sample[name]) for sample in samples], axis=0)
        amplified = moved.max() >= _AMPLIFIED * nudge(feeds) * magnitudes(original[name]).max()
        if not np.isfinite(gap).all() or not amplified or gap.max() > _FACTOR * moved.max():
            return None
        if stands_out(gap, moved):
            return None
        largest = max(largest, float(moved.max()))
    return largest


def nudged(feeds: Feeds, seed: int) -> Feeds:
    """Return the inputs with every float moved by a few of its last bits, up or down at random."""
    rng = np.random.default_rng([seed, 1])
    moved = {}
    for name, array in feeds.items():
        if not is_float(array.dtype):
            moved[name] = array
            continue
        factor = 1 + _STEPS * eps(array.dtype) * rng.choice([-1.0, 1.0], size=array.shape)
        wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
        moved[name] = (wide * factor).astype(array.dtype)
    return moved


def nudge(feeds: Feeds) -> float:
    """Return the largest relative change that `nudged` makes."""
    return max((_STEPS * eps(array.dtype) for array in feeds.values() if is_float(array.dtype)), default=0.0)


def beyond_rounding(
    before: Feeds,
    after: Feeds,
    original: Callable[[Feeds], Feeds],
    feeds: Feeds,
    factor: float = _FACTOR,
    limits: Callable[[Array], Tolerance] | None = None,
) -> bool:
    """Whether the rewrite is further from the original than that is from itself when its inputs' last bits change.

    Of what is no float, an element that differs has to stay what it is under all such changes.

    Args:
        before: The original's outputs.
        after: The rewrite's.
        original: Runs the original once.
        feeds: The inputs.
        factor: How many times as far.
        limits: The tolerance for an output; with it, what is out of tolerance beside what is steady counts by itself.

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
                limit = limits(expected)
                if np.any((gap > limit.atol + limit.rtol * magnitudes(expected)) & (gap > steady)):
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
            steps = _JITTER_STEPS.get(array.dtype.name, _STEPS)
            size = steps * eps(array.dtype) * magnitudes(array).max(initial=0.0)
            moved[name] = (array.astype(np.float64) + size * rng.uniform(-1, 1, array.shape)).astype(array.dtype)
        else:
            moved[name] = array
    return moved
