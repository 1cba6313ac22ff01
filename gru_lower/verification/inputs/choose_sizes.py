"""Choose sizes for unknown dims: small ones first, then 1, then one size for all, then larger and larger ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH = re.compile(r"batch|^(n|b|bs|bsz)$", re.IGNORECASE)
_SMALL = (2, 3, 5, 7, 4, 6)
# (sizes, batch size): None for "the same". What needs 16, 50 or 100 frames, or a batch of 1, comes to run here.
_LADDER = ((5, 1), (16, None), (50, 1), (100, 2), (200, 1), (64, None), (128, 1), (256, 2), (400, 1), (1000, 1))
_FIRST_RUNG = 4
_LONG, _LONG_EVERY = 24, 5  # beyond the ladder, every fifth candidate has one large dim

BEYOND_LADDER = _FIRST_RUNG + len(_LADDER)
"""The first candidate after the larger and larger ones."""


def on_ladder(attempt: int) -> bool:
    """Whether a candidate is one of the larger and larger ones."""
    return _FIRST_RUNG <= attempt < BEYOND_LADDER


def choose_sizes(unknown: Sequence[str], attempt: int) -> dict[str, int]:
    """Return a size for each unknown dim.

    Args:
        unknown: The dims' names, in order of appearance.
        attempt: The number of the candidate, from 0.

    """
    if attempt == 1:
        return {name: _SMALL[(2 * j + 1) % 5] for j, name in enumerate(unknown)}
    if attempt in {2, 3}:
        return dict.fromkeys(unknown, attempt - 1)
    if on_ladder(attempt):
        size, batch = _LADDER[attempt - _FIRST_RUNG]
        named = {name for name in unknown if _BATCH.search(name)}
        # Without names to go by, the batch is the first axis of some models and the second of others.
        batches = named or set(unknown[:1] if attempt % 2 else unknown[1:2])
        return {name: batch if batch and name in batches and len(unknown) > 1 else size for name in unknown}
    if attempt > _FIRST_RUNG and attempt % _LONG_EVERY == 0 and len(unknown) > 1:
        return {name: _LONG if j == attempt // _LONG_EVERY % 2 else 2 for j, name in enumerate(unknown)}
    return {name: _SMALL[(j + attempt) % len(_SMALL)] for j, name in enumerate(unknown)}
