"""How a leaf reads the axes of the value it is a part of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor


def axes_of_leaf(value: PolyTensor, free: Mapping[int, LeafAxis]) -> list[LeafAxis] | None:
    """Return how each axis of a value is read.

    Args:
        value: The value.
        free: How the free axes of its polynomials are read, by their labels.

    Returns:
        ``None`` where several free axes lie together in one, or one is not given.

    """
    axes: list[LeafAxis] = []
    for axis, dim in zip(value.axes, value.dims, strict=True):
        if axis is FEATURES:
            axes.append(FEATURES)
        elif axis is CONSTANT and dim == 1:
            axes.append(FIRST)
        elif isinstance(axis, FreeAxis) and axis.label in free:
            axes.append(free[axis.label])
        else:
            return None
    return axes
