"""Transpose, Squeeze and Unsqueeze: the order of axes, and axes of length 1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.indexing import take_index, without
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def transpose(tensor: Tensor, perm: Sequence[int] | None) -> Tensor:
    """Permute the axes; reverse them where no order is given."""
    rank = len(tensor.dims)
    order = [axis % rank for axis in perm] if perm else list(reversed(range(rank)))
    dims = tuple(tensor.dims[axis] for axis in order)
    if isinstance(tensor, ConstTensor):
        return ConstTensor(tensor.array.transpose(order), dims)
    return replace(tensor, axes=tuple(tensor.axes[axis] for axis in order), dims=dims)


def unsqueeze(tensor: Tensor, where: Sequence[int]) -> Tensor:
    """Insert axes of length 1."""
    rank = len(tensor.dims) + len(where)
    new = {axis % rank for axis in where}
    dims = iter(tensor.dims)
    full = tuple(1 if axis in new else next(dims) for axis in range(rank))
    if isinstance(tensor, ConstTensor):
        return ConstTensor(np.expand_dims(tensor.array, tuple(sorted(new))), full)
    axes = iter(tensor.axes)
    return replace(tensor, axes=tuple(CONSTANT if axis in new else next(axes) for axis in range(rank)), dims=full)


def squeeze(algebra: Algebra, tensor: Tensor, where: Sequence[int] | None) -> Tensor:
    """Remove axes of length 1: all of them where none are named."""
    rank = len(tensor.dims)
    gone = {axis % rank for axis in where} if where is not None else {i for i, d in enumerate(tensor.dims) if d == 1}
    if isinstance(tensor, ConstTensor):
        dims = tuple(dim for axis, dim in enumerate(tensor.dims) if axis not in gone)
        return ConstTensor(tensor.array.reshape([n for i, n in enumerate(tensor.array.shape) if i not in gone]), dims)
    for axis in sorted(gone, reverse=True):
        if algebra.exact_lengths and tensor.dims[axis] != 1:
            raise NotUnderstoodError
        if tensor.axes[axis] is not CONSTANT:
            tensor = take_index(algebra, tensor, axis, 0)
        else:
            tensor = replace(tensor, axes=without(tensor.axes, axis), dims=without(tensor.dims, axis))
    return tensor
