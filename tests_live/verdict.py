"""Right, wrong or rejected: what an engine makes of a model, held to the float64 reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests_live.engine import Arrays, Outcome

TOLERANCE = {"float32": 1e-4, "float64": 1e-4, "float16": 2e-2}
"""Of the largest value, at least 1. What is wrong is off by far more; an engine may compute float64 in float32."""


@dataclass(frozen=True)
class Verdict:
    """What came of one model.

    Attributes:
        verdict: ``"right"``, ``"wrong"``, ``"rejected"`` by the engine, or ``"refused"`` by the lowering.
        reason: Why it was rejected or refused, or what is wrong.
        error: The largest absolute error, where there are numbers.

    """

    verdict: str
    reason: str = ""
    error: float | None = None


def judge(outcome: Outcome, expected: Mapping[str, np.ndarray], dtype: np.dtype, tolerance: float = 0.0) -> Verdict:
    """Compare what an engine handed out with what is right.

    Args:
        outcome: The engine's.
        expected: By output name.
        dtype: The type that the outputs have to have.
        tolerance: How far off a value may be at least, of the largest value, at least 1.

    """
    if outcome.outputs is None:
        return Verdict("rejected", outcome.reason)
    return _compare(outcome.outputs, expected, dtype, max(tolerance, TOLERANCE[dtype.name]))


def _compare(outputs: Arrays, expected: Mapping[str, np.ndarray], dtype: np.dtype, tolerance: float) -> Verdict:
    worst = 0.0
    for name, wanted in expected.items():
        if name not in outputs:
            return Verdict("wrong", f"there is no {name}")
        given = outputs[name]
        if given.shape != wanted.shape:
            return Verdict("wrong", f"{name} is of shape {list(given.shape)}, not {list(wanted.shape)}")
        if given.dtype != dtype:
            return Verdict("wrong", f"{name} is {given.dtype}, not {dtype}")
        if not wanted.size:
            continue
        error = float(np.abs(given.astype(np.float64) - wanted).max())
        scale = max(1.0, float(np.abs(wanted).max()))
        if not error <= tolerance * scale:  # NaN is an error too
            return Verdict("wrong", f"{name} is off by {error:.2g}", error)
        worst = max(worst, error)
    return Verdict("right", "", worst)
