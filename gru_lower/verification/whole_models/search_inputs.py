"""Search for inputs on which two models differ, step by step from where they are furthest apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.comparing.rounding import beyond_rounding

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance

_MOST_STEPS = 100
_LARGEST = 30.0


def search_inputs(
    run: Callable[[Feeds], tuple[Feeds, Feeds] | None],
    original: Callable[[Feeds], Feeds],
    feeds: Feeds,
    limits: Callable[[str, Array], Tolerance],
    until: float,
    seed: int,
) -> Feeds | None:
    """Search for inputs on which two models differ, by random steps that increase their distance.

    Args:
        run: Runs both models; ``None`` where one of them fails.
        original: Runs the first alone.
        feeds: Where to begin.
        limits: The tolerance for an output, by its name and values.
        until: When to stop, on :func:`time.monotonic`'s clock.
        seed: Of the steps.

    Returns:
        Inputs on which the two are out of tolerance; ``None`` if none were found.

    """
    outputs = run(feeds)
    if outputs is None or not beyond_rounding(*outputs, original, feeds, factor=1.0):
        return None  # there is nothing to look for
    rng = np.random.default_rng([seed, 3])
    best = distance_in_tolerances(*outputs, limits)
    for _ in range(_MOST_STEPS):
        if time.monotonic() > until:
            break
        tried = _stepped(feeds, rng)
        outputs = run(tried)
        far = 0.0 if outputs is None else distance_in_tolerances(*outputs, limits)
        if outputs is None or far <= best or not np.isfinite(far):
            continue
        if far <= 1:
            feeds, best = tried, far
        elif beyond_rounding(*outputs, original, tried, limits=limits):
            return tried  # else rounding alone is out of tolerance: that leads nowhere
    return None


def distance_in_tolerances(before: Feeds, after: Feeds, limits: Callable[[str, Array], Tolerance]) -> float:
    """Return the largest error of the float outputs, in tolerances."""
    largest = 0.0
    for name, expected in before.items():
        if is_float(expected.dtype) and after[name].shape == expected.shape and expected.size:
            error = errors(expected, after[name])
            bound = limits(name, expected).bound(magnitudes(expected))
            if error.any():
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    largest = max(largest, float(np.where(error > 0, error / bound, 0.0).max()))
    return largest


def _stepped(feeds: Feeds, rng: np.random.Generator) -> Feeds:
    """Return the inputs with their floats changed: all or some, by a factor, by noise, or drawn anew."""
    tried = {}
    for name, array in feeds.items():
        if not is_float(array.dtype) or array.dtype.kind == "c":
            tried[name] = array
            continue
        wide = array.astype(np.float64)
        size = float(np.sqrt(np.mean(np.square(wide)))) if array.size else 0.0
        fresh = rng.standard_normal(array.shape) * 10.0 ** rng.uniform(-1.5, 1)
        column = np.arange(array.shape[-1] if array.ndim else 1) == rng.integers(
            max(1, array.shape[-1] if array.ndim else 1)
        )
        changed = (
            wide * 10.0 ** rng.uniform(-0.4, 0.4),
            wide + 0.3 * size * rng.standard_normal(array.shape),
            np.where(rng.random(array.shape) < 0.3, fresh, wide),
            wide * rng.choice([-1.0, 1.0], array.shape, p=[0.15, 0.85]),
            wide * np.where(column, 10.0 ** rng.uniform(-1, 1), 1.0).reshape(column.shape if array.ndim else ()),
        )[int(rng.integers(5))]
        tried[name] = np.clip(changed, -_LARGEST, _LARGEST).astype(array.dtype)
    return tried
