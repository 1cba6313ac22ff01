"""What a GRU layer is, whichever framework it comes from: cells with weights in ONNX's layout and gate order.

Sizes are I (input) and H (hidden). Gates lie in the order z, r, h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gru_lower.gru.activations import SIGMOID, TANH, Activation

if TYPE_CHECKING:
    import numpy.typing as npt

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]
Merge = Literal["concat", "sum", "mul", "ave"]
MERGES: tuple[Merge, ...] = ("concat", "sum", "mul", "ave")
GATES = "zrh"


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
class Half:
    """A cell and the way it walks.

    Attributes:
        cell: The cell.
        reverse: Whether it walks from the last step to the first.

    """

    cell: Cell
    reverse: bool = False


def reordered(blocks: Array, source: str, target: str) -> Array:
    """Return the three row blocks of a weight in another gate order.

    Args:
        blocks: [3H, ...], or [..., 3H] of one axis.
        source: The gates in the order they lie, such as ``"rzh"``.
        target: The gates in the order wanted.

    """
    parts = dict(zip(source, np.split(blocks, 3), strict=True))
    return np.concatenate([parts[gate] for gate in target])


def dtype_named(name: str) -> np.dtype[Any]:
    """Return a float type by its name, bfloat16 as ml_dtypes has it."""
    if name == "bfloat16":
        import ml_dtypes

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(name)


def fold(left: Array, right: Array) -> Array:
    """Add two biases, rounding once; where the right one is 0 the left one stays as it is, to the bit."""
    total = (left.astype(np.float64) + right.astype(np.float64)).astype(left.dtype)
    folded: npt.NDArray[Any] = np.where(right == 0, left, total)
    return folded
