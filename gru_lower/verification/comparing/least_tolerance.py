"""Find the least tolerance that passes, rounded up to two digits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.verification.comparing.elementwise_errors import Floats
    from gru_lower.verification.comparing.tolerance import Tolerance

_TINY = 1e-300


def least_tolerances(error: Floats, scale: Floats, tolerance: Tolerance) -> tuple[float, float]:
    """Return the least atol and the least rtol that pass, each with the other as it is.

    Each was tried in two digits, so that what is shown to the user does pass.

    Args:
        error: The absolute errors.
        scale: The sizes that rtol is relative to.
        tolerance: As it is.

    """
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
