"""Judge whether a model is chaotic: whether the last bits of its inputs decide its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import eps, is_float, widened
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes, stands_out
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.verification.arrays import Feeds

_STEPS = 8  # of the last bit: what two correct float32 sigmoids differ by
_SAMPLES = 3
_FACTOR = 4.0
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
        moved[name] = (widened(array) * factor).astype(array.dtype)
    return moved


def nudge(feeds: Feeds) -> float:
    """Return the largest relative change that `nudged` makes."""
    return max((_STEPS * eps(array.dtype) for array in feeds.values() if is_float(array.dtype)), default=0.0)
