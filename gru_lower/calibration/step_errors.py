"""How far a quantised GRU is off the float one, step by step, on what really goes into it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.sites.quantisation import StepErrors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.verification.arrays import Array

SHOWN = 16
"""So many steps are listed at most, the first and the last among them."""
GROWS = 1.5
"""How much larger the error of the last quarter of the steps is than that of the second where it counts as growing."""


def step_errors(cases: Iterable[tuple[Array, Array]], reversed_directions: Sequence[bool]) -> StepErrors | None:
    """Return the errors, or ``None`` where no step was made.

    Args:
        cases: The states of all steps, [T, D, B, H] with time first, of the float GRU and of the quantised one; NaN
            where there are none.
        reversed_directions: Whether each direction runs backwards.

    """
    squares: list[float] = []
    counts: list[int] = []
    largest = power = 0.0
    for before, after in cases:
        for place, backwards in enumerate(reversed_directions):
            a, b = (states[:, place].astype(np.float64) for states in (before, after))
            for t in range(len(a)):
                step = len(a) - 1 - t if backwards else t
                error = a[step] - b[step]
                known = np.isfinite(error)
                squares += [0.0] * (t + 1 - len(squares))
                counts += [0] * (t + 1 - len(counts))
                squares[t] += float((error[known] ** 2).sum())
                counts[t] += int(known.sum())
                largest = max(largest, float(np.abs(error[known]).max(initial=0.0)))
                power += float((a[step][known] ** 2).sum())
    if not any(counts):
        return None
    rms = [math.sqrt(square / count) if count else 0.0 for square, count in zip(squares, counts, strict=True)]
    total = sum(squares)
    noise = math.sqrt(total / power) if power else float(total > 0)
    shown = sorted({round(place) for place in np.linspace(0, len(rms) - 1, min(SHOWN, len(rms)))})
    return StepErrors(len(rms), largest, noise, tuple((step + 1, rms[step]) for step in shown), _grows(rms))


def _grows(rms: Sequence[float]) -> bool:
    """Whether the last quarter of the steps is worse than the second one; the first steps begin at no error at all."""
    quarter = len(rms) // 4
    if not quarter:
        return False
    early, late = (float(np.mean(part)) for part in (rms[quarter : 2 * quarter], rms[-quarter:]))
    return late > GROWS * early
