"""The errors that end the reading of a recurrence: it is no GRU, or its GRU cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly


class MismatchError(Exception):
    """A polynomial does not match the equations of a GRU.

    Attributes:
        where: The part of the step that was being read.
        poly: The polynomial that was being read, ``None`` if it says nothing more.
        mono: The term that does not fit, ``None`` if one is missing.
        depth: How far the reading had come: what comes furthest says most.

    """

    def __init__(self, where: str, poly: Poly | None = None, mono: Monomial | None = None, depth: int = 1) -> None:
        """Hold the parts."""
        super().__init__(where)
        self.where, self.poly, self.mono, self.depth = where, poly, mono, depth


class CannotWriteError(Exception):
    """A GRU was recognised, but the values that the graph has are not enough to write it."""


class FeedsBackError(CannotWriteError):
    """The input of one of a row of steps hangs on the state of another."""
