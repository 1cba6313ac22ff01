"""One GRU as it was recognised, whether unrolled nodes, a Loop or a Scan computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.masked_updates import MaskedUpdate
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState


@dataclass(frozen=True)
class Recurrence:
    """The steps of one GRU.

    Attributes:
        cells: In the order of time; a loop has one for all steps.
        steps: How many steps there are.
        initial: The state before the first step: an atom, a value, ``None`` for zeros.
        name: The name of the last state, or of the loop's first output: the recurrence's own in reports.
        loop: The Loop or Scan, ``None`` for unrolled cells.
        masks: The mask of every cell, where masks decide whether a step is taken; a cell's own polynomial is then
            what it would make if it were.
        last_state: With masks: the polynomial of the state after the last step.

    """

    cells: tuple[Cell, ...]
    steps: Count
    initial: int | InitialState | None
    name: str
    loop: InterpretedLoop | None = None
    masks: tuple[MaskedUpdate, ...] = ()
    last_state: Poly | None = None

    @property
    def last_cell(self) -> Cell:
        """The last cell, which reads its state, as a first one need not."""
        return self.cells[-1]

    @property
    def state(self) -> Poly:
        """The polynomial that the last cell makes."""
        return self.last_cell.state
