"""Block-diagonal weights: several GRUs, or both directions of one, in one matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.graph.bounded_arrays import zeros

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def block_diagonal(blocks: Sequence[Array]) -> Array:
    """Return [..., ΣH, ΣK] of which each block [..., H, K] has its own place on the last two axes, zeros elsewhere.

    One block is returned as it is.
    """
    if len(blocks) == 1:
        return blocks[0]
    height, width = (sum(block.shape[axis] for block in blocks) for axis in (-2, -1))
    result = zeros((*blocks[0].shape[:-2], height, width), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        result[..., row : row + block.shape[-2], column : column + block.shape[-1]] = block
        row, column = row + block.shape[-2], column + block.shape[-1]
    return result
