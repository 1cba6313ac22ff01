"""Gather: reading an axis at constant indices."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, to_int
from gru_lower.passes.fuse_gru.tensors.concat import concat
from gru_lower.passes.fuse_gru.tensors.constant_size import check_entries, check_size
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.slice_and_split import slice_axis
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, full_array

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def gather(algebra: Algebra, tensor: Tensor, axis: int, indices: ConstTensor) -> Tensor:
    """Read an axis at constant indices, or at one that depends on a counter.

    Raises:
        NotUnderstoodError: There are several indices that are not known, or they have several axes.

    """
    axis %= len(tensor.dims)
    if isinstance(tensor, ConstTensor):
        data = tensor.array
        dims = tensor.dims[:axis] + indices.dims + tensor.dims[axis + 1 :]
        if data.shape[axis] == 1 and (tensor.dims[axis] != 1 or not indices.is_full):  # the same at every index
            return ConstTensor(np.take(data, np.zeros((1,) * len(indices.dims), np.int64), axis=axis), dims)
        if indices.array.dtype == object and any(isinstance(index, Affine) for index in indices.array.flat):
            raise NotUnderstoodError
        if not indices.is_full and not all(isinstance(dim, int) for dim in indices.dims):  # the same for a whole batch
            return ConstTensor(np.asarray(np.take(data, indices.array.astype(np.int64), axis=axis)), dims)
        check_size((*data.shape[:axis], *map(to_int, indices.dims), *data.shape[axis + 1 :]), data.itemsize)
        taken = np.take(data, full_array(indices).astype(np.int64), axis=axis)
        return ConstTensor(np.asarray(taken), dims)
    check_entries(math.prod(map(to_int, indices.dims)))
    wanted = [entry if isinstance(entry, Affine) else int(entry) for entry in full_array(indices).reshape(-1)]
    if indices.dims == ():
        return take_index(algebra, tensor, axis, wanted[0])
    if len(indices.dims) != 1:
        raise NotUnderstoodError
    dim = tensor.dims[axis]
    wanted = [index if not (isinstance(index, int) and index < 0) else dim + index for index in wanted]
    if len(wanted) == 1:
        return slice_axis(algebra, tensor, axis, wanted[0], 1, 1)
    steps = {b - a for a, b in pairwise(wanted)}
    if len(steps) == 1 and steps <= {1, -1}:
        try:
            return slice_axis(algebra, tensor, axis, wanted[0], to_int(next(iter(steps))), len(wanted))
        except NotUnderstoodError:
            pass  # features in another order: one by one
    parts = [slice_axis(algebra, tensor, axis, index, 1, 1) for index in wanted]
    return concat(algebra, parts, axis)
