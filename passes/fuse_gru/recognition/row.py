"""One GRU as it was found, whatever carried it: unrolled nodes, a Loop or a Scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.masks import Gated
    from gru_lower.passes.fuse_gru.loops.read_loop import Carrier
    from gru_lower.passes.fuse_gru.recognition.read_cell import Cell


class Initial(NamedTuple):
    """The state before the first step of a loop.

    Attributes:
        name: A value of the scope.
        lo: The first of its features.
        hi: The last, exclusive.
        axis: The axis of its features.

    """

    name: str
    lo: int
    hi: int
    axis: int


@dataclass(frozen=True)
class Row:
    """The steps of one GRU.

    Attributes:
        cells: In the order of time; a loop has one for all steps.
        steps: How many steps there are.
        before: The state before the first step: an atom, a value, ``None`` for zeros.
        carrier: The loop, ``None`` for unrolled cells.
        home: The name of the last state, or of the loop's first output.
        masking: The mask of every cell, where masks decide whether a step is taken; a cell's own polynomial is then
            what it would make if it were.
        kept: Of a masked row: the polynomial of the state it ends with.

    """

    cells: tuple[Cell, ...]
    steps: Count
    before: int | Initial | None
    home: str
    carrier: Carrier | None = None
    masking: tuple[Gated, ...] = ()
    kept: Poly | None = None

    @property
    def kernel(self) -> Cell:
        """A cell that reads its state, as a first one need not."""
        return self.cells[-1]

    @property
    def state(self) -> Poly:
        """The polynomial of the last state."""
        return self.kernel.state


LAST = -1
"""The time of the state that a masked row ends with, which need not be the output of its last step."""


class Offer(NamedTuple):
    """What a GRU can stand for.

    Attributes:
        row: Which row.
        times: The times of the states, ``None`` for all.
        stacked: Whether there is a first axis for them; otherwise it is one state.
        turned: Whether the last comes first, where all are meant.
        repeats: Of a masked row: what its masked steps repeat before there is an output, the name of a value; ``None``
            where they give 0.

    """

    row: int
    times: tuple[int, ...] | None
    stacked: bool
    turned: bool = False
    repeats: str | None = None


def states_of(algebra: Algebra, rows: list[Row]) -> dict[Poly, tuple[int, int]]:
    """Return row and time of every polynomial that is a state; in a loop the time is 0."""
    found: dict[Poly, tuple[int, int]] = {}
    for number, row in enumerate(rows):
        if row.masking:
            found.update(_masked_states(algebra, row, number))
            continue
        for time, cell in enumerate(row.cells):
            found[cell.state] = number, time
            whole = algebra.whole.get(cell.state)
            if whole is not None:
                found[whole] = number, time
    return found


def _masked_states(algebra: Algebra, row: Row, number: int) -> dict[Poly, tuple[int, int]]:
    found = {output: (number, time) for time, gate in enumerate(row.masking) for output in gate.outputs}
    if row.kept is not None:
        found[row.kept] = number, LAST
    found.update({algebra.whole[poly]: place for poly, place in list(found.items()) if poly in algebra.whole})
    return found
