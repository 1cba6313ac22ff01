"""The tolerance for an output: the defaults by element type, and what the user sets instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import eps, is_float, is_text, name_of

if TYPE_CHECKING:
    import numpy as np

    from gru_lower.verification.comparing.elementwise_errors import Floats


@dataclass(frozen=True)
class Tolerance:
    """An element passes if |expected - actual| <= atol + rtol * |expected|."""

    rtol: float
    atol: float

    def bound(self, sizes: Floats) -> Floats:
        """Return the largest errors that pass for elements of some absolute values."""
        return self.atol + self.rtol * sizes

    def scaled(self, largest: float, computed_in: str) -> Tolerance:
        """Return the tolerance for an output that is small throughout: atol would pass anything.

        Args:
            largest: The largest absolute value of the output on all cases; 0 says nothing of its scale.
            computed_in: The float type whose last bits count ("float32").

        """
        share = max(_SMALLEST_SHARE, _BITS * _EPS.get(computed_in, 0.0))
        return Tolerance(self.rtol, min(self.atol, share * largest)) if largest else self


DEFAULTS = {
    "float64": Tolerance(1e-9, 1e-9),
    "float32": Tolerance(1e-4, 1e-5),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(5e-2, 5e-2),
    "complex64": Tolerance(1e-4, 1e-5),
    "complex128": Tolerance(1e-9, 1e-9),
}
"""By element type. Integers, booleans and strings are exact, but for quantised values: see :func:`tolerance_for`."""

_SMALLEST_SHARE, _BITS = 1e-3, 16
_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

_EXACT = Tolerance(0.0, 0.0)
_ONE_STEP = Tolerance(0.0, 1.0)


def tolerance_for(
    dtype: np.dtype[Any],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    computed_in: str | None = None,
    quantised: bool = False,
) -> Tolerance:
    """Return the tolerance for an output.

    Args:
        dtype: Its element type.
        rtol: Instead of the default, for types that have one.
        atol: Instead of the default, for types that have one.
        computed_in: The coarsest float type inside the model ("float16"): a float32 output cannot be better.
        quantised: Whether a quantiser made its whole numbers: rounding may move them by one step. Masks, decisions and
            labels are exact, whatever their type.

    """
    if name_of(dtype) not in DEFAULTS:
        if is_float(dtype):  # the 8- and 4-bit floats: two neighbouring values
            default = Tolerance(2 * eps(dtype), 2 * eps(dtype))
        else:
            return _ONE_STEP if quantised and dtype.kind != "b" and not is_text(dtype) else _EXACT
    else:
        default = DEFAULTS[name_of(dtype)]
        inside = DEFAULTS.get(computed_in or "", default)
        default = Tolerance(max(default.rtol, inside.rtol), max(default.atol, inside.atol))
    return Tolerance(default.rtol if rtol is None else rtol, default.atol if atol is None else atol)
