"""Keras layers as read: stacks of layers of recurrent layers, with their cells' weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.frameworks.weights.cell import DirectedCell
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.frameworks.weights.cell import Cell, Merge


@dataclass(frozen=True)
class Recurrent:
    """A GRU, or an RNN of one or several GRUCells.

    Attributes:
        cells: Each fed the output of the one before.
        reverse: ``go_backwards``.
        return_sequences: ``return_sequences``.
        return_state: ``return_state``.
        zero_output_for_mask: ``zero_output_for_mask``.
        stateful: ``stateful``.
        time_major: ``time_major``, which Keras 2 has.

    """

    cells: tuple[Cell, ...]
    reverse: bool = False
    return_sequences: bool = False
    return_state: bool = False
    zero_output_for_mask: bool = False
    stateful: bool = False
    time_major: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer of a stack.

    Attributes:
        forward: The layer, or the forward one of a Bidirectional.
        backward: The backward one of a Bidirectional.
        merge: How a Bidirectional merges the two outputs; ``None`` where it returns both.
        step: Whether it is a cell by itself, which takes one step.

    """

    forward: Recurrent
    backward: Recurrent | None = None
    merge: Merge | None = "concat"
    step: bool = False

    @property
    def parts(self) -> tuple[Recurrent, ...]:
        """The one or two recurrent layers."""
        return (self.forward,) if self.backward is None else (self.forward, self.backward)

    @property
    def output_cells(self) -> list[DirectedCell]:
        """The last cells, whose output the layer gives."""
        return [DirectedCell(part.cells[-1], part.reverse) for part in self.parts]


@dataclass(frozen=True)
class Stack:
    """A stack of layers, each fed the output of the one before.

    Attributes:
        layers: Its layers.
        masking: The value of a Masking layer in front, ``None`` without one.

    """

    layers: tuple[Layer, ...]
    masking: float | None = None
