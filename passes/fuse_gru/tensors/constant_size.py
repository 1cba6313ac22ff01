"""Whether a constant may be computed: what comes out is known before it is made, and held to the model's budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.graph import budget
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = 1 << 12
"""Constants of so few elements are not counted."""
MOST_ENTRIES = 1 << 16
"""How many whole numbers may be taken one by one, as indices or lengths."""


def check_size(lengths: Iterable[int], itemsize: int = 8) -> None:
    """Take a constant from the budget before it is computed.

    Args:
        lengths: How long its axes are.
        itemsize: Bytes of one element.

    Raises:
        TooLargeError: It is too large.

    """
    elements = math.prod(lengths)
    if elements <= SMALL:
        return
    try:
        budget.current().spend(elements, itemsize, "a constant")
    except budget.OverBudgetError as error:
        raise TooLargeError from error


def check_entries(count: int) -> None:
    """Refuse to take so many numbers one by one.

    Raises:
        TooLargeError: There are too many.

    """
    if count > MOST_ENTRIES:
        raise TooLargeError
