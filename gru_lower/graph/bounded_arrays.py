"""Arrays that sizes in a model ask for: zeros, identities, counts. Each is taken from the model's budget first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph import budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = np.ndarray[Any, np.dtype[Any]]

MOST_WRITTEN = 1 << 25
"""How many elements a constant may have that a model does not hold yet and gets."""
COPIES = 3
"""How often such a constant is there at once, on its way into the model."""


def take(elements: int, itemsize: int = 8, what: str = "a constant") -> None:
    """Take an array from the budget.

    Raises:
        OverBudgetError: It is too large.

    """
    if elements > MOST_WRITTEN:
        raise budget.OverBudgetError(f"{what} ({elements} elements)")
    budget.current().spend(elements, COPIES * itemsize, what)


def zeros(shape: Sequence[int], dtype: npt.DTypeLike = float) -> Array:
    """Return zeros.

    Raises:
        OverBudgetError: They are too many.

    """
    take(math.prod(shape), np.dtype(dtype).itemsize, f"zeros of shape {list(shape)}")
    return np.zeros(shape, dtype)


def identity(size: int) -> Array:
    """Return the identity matrix [size, size].

    Raises:
        OverBudgetError: It is too large.

    """
    take(size * size, what=f"an identity of shape {[size, size]}")
    return np.eye(size)


def counted(start: int, stop: int) -> Array:
    """Return the whole numbers from one up to another, without that.

    Raises:
        OverBudgetError: They are too many.

    """
    take(max(stop - start, 0), what=f"the numbers from {start} to {stop}")
    return np.arange(start, stop)
