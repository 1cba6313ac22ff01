"""A cell of a GRU layer, whichever framework it comes from: its weights in ONNX's layout and gate order.

Sizes are I (input) and H (hidden). Gates lie in the order z, r, h.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from gru_lower.gru.activations import SIGMOID, TANH, Activation
from gru_lower.light_dataclass import dataclass

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]
"""Arrays by name."""
Merge = Literal["concat", "sum", "mul", "ave"]
"""How the outputs of two directions become one: side by side, or element by element."""
MERGES: tuple[Merge, ...] = ("concat", "sum", "mul", "ave")


@dataclass(frozen=True)
class Cell:
    """One direction of a GRU.

    Attributes:
        W: [3H, I], the input's weights.
        R: [3H, H], the recurrent weights.
        Wb: [3H], the input's bias; ``None`` without a bias.
        Rb: [3H], the recurrent bias; ``None`` exactly where Wb is.
        f: The activation of the update and reset gates.
        g: The activation of the candidate.
        linear_before_reset: Whether the reset gate is applied after the recurrent product.

    """

    W: Array
    R: Array
    Wb: Array | None = None
    Rb: Array | None = None
    f: Activation = SIGMOID
    g: Activation = TANH
    linear_before_reset: bool = True

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.R.shape[1])

    @property
    def input_size(self) -> int:
        """I."""
        return int(self.W.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The weights' element type."""
        return self.W.dtype

    def fits(self, other: Cell) -> bool:
        """Whether two cells can be the two directions of one operator."""
        return (
            self.W.shape == other.W.shape
            and self.dtype == other.dtype
            and (self.Wb is None) == (other.Wb is None)
            and self.linear_before_reset == other.linear_before_reset
        )


@dataclass(frozen=True)
class DirectedCell:
    """A cell and its direction.

    Attributes:
        cell: The cell.
        reverse: Whether it goes from the last step to the first.

    """

    cell: Cell
    reverse: bool = False
