"""GRU nodes of a model with their constant weights, alone or as a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.frameworks.weights.cell import Array, Cell, DirectedCell, Merge
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.gru.spec import GruSpec


@dataclass(frozen=True)
class Gru:
    """A GRU node with its weights.

    Attributes:
        spec: The node, as :func:`gru_lower.gru.parse_node.parse` reads it.
        W: [D,3H,I].
        R: [D,3H,H].
        B: [D,6H], ``None`` without one.
        site: The node's id, for messages.
        merge: How the nodes after it merge its two directions; ``None`` where they do not, or it is not known.
        flipped: Whether the nodes after it reverse Y in time.
        lens: Whether sequence_lens may shorten a sequence.

    """

    spec: GruSpec
    W: Array
    R: Array
    B: Array | None = None
    site: str = ""
    merge: Merge | None = "concat"
    flipped: bool = False
    lens: bool = False

    def cells(self) -> tuple[DirectedCell, ...]:
        """Return the cell of each direction."""
        result = []
        for d in self.spec.directions:
            Wb, Rb = (None, None) if self.B is None else np.split(self.B[d.index], 2)
            cell = Cell(self.W[d.index], self.R[d.index], Wb, Rb, d.f, d.g, self.spec.linear_before_reset)
            result.append(DirectedCell(cell, d.reverse))
        return tuple(result)


@dataclass(frozen=True)
class Stack:
    """GRUs, Y of one X of the next.

    Attributes:
        grus: The GRUs in order.
        batch_first: Whether the first one's X comes batch-major, as far as it can be told.

    """

    grus: tuple[Gru, ...]
    batch_first: bool = False
