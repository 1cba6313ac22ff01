"""The order in which ONNX and each framework lay the gates one after another in a weight.

The letters are the operator's: z, the update gate; r, the reset gate; h, the candidate, which PyTorch and MLX call n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ONNX = "zrh"
PYTORCH = "rzh"
KERAS = "zrh"
MLX = "rzh"


def reordered(blocks: npt.NDArray[Any], source: str, target: str) -> npt.NDArray[Any]:
    """Return the three row blocks of a weight in another gate order.

    Args:
        blocks: [3H, ...], or [..., 3H] of one axis.
        source: The gates in the order they lie, such as ``"rzh"``.
        target: The gates in the order wanted.

    """
    parts = dict(zip(source, np.split(blocks, 3), strict=True))
    return np.concatenate([parts[gate] for gate in target])
