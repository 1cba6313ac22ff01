"""Read a step that a mask may hold back: h + m (ht - h), the state as it was where the mask is 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.interpreter.masked_updates import masked_updates
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.masked_updates import MaskedUpdate
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


class MaskedStep(NamedTuple):
    """A step that a mask may hold back.

    Attributes:
        cells: The ways to read what is computed where it is taken.
        mask: The mask.
        mismatches: What did not fit.

    """

    cells: list[Cell]
    mask: MaskedUpdate
    mismatches: list[MismatchError]


def read_masked_step(interpreter: ScopeValues, poly: Poly, previous: int | None = None) -> MaskedStep | None:
    """Read a polynomial as a step that a mask may hold back.

    Args:
        interpreter: The scope or body it is computed in.
        poly: The polynomial.
        previous: The atom of the state before, ``None`` if any will do.

    Returns:
        ``None`` if there is no mask.

    """
    found = None
    for mask in masked_updates(interpreter, poly):
        if previous is not None and mask.before.atom != previous:
            continue
        cells, mismatches = read_cells(interpreter.algebra, mask.new)
        found = MaskedStep(cells, mask, mismatches)
        if cells:
            break
    return found
