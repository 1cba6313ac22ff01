"""Slice and Split: reading a range of indices of an axis."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis, MergedAxes
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import MAX_LENGTH, exact_quotient, is_negative, lesser
from gru_lower.passes.fuse_gru.algebra.views import along_axis
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_features_on_last_free_axis, with_other_feature_axis
from gru_lower.passes.fuse_gru.tensors.indexing import as_read, take_index
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, ConstTensor, PolyTensor, feature_pieces
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor

UNBOUNDED = MAX_LENGTH
"""Ends of slices from here on mean: to the end."""


def slice_axis(algebra: Algebra, tensor: Tensor, axis: int, start: Count, step: int, size: Count) -> Tensor:
    """Return ``size`` indices of an axis: start, start + step, ...

    Raises:
        NotUnderstoodError: The axis cannot be read so, such as features with a step that are no leaf's.

    """
    dims = (*tensor.dims[:axis], size, *tensor.dims[axis + 1 :])
    if isinstance(tensor, ConstTensor):
        if tensor.array.shape[axis] == 1 and tensor.dims[axis] != 1:
            return ConstTensor(tensor.array, dims)
        if not isinstance(start, int) or not isinstance(size, int):
            raise NotUnderstoodError
        index = [slice(None)] * tensor.array.ndim
        stop = start + step * size
        index[axis] = slice(start, stop if stop >= 0 else None, step)
        return ConstTensor(tensor.array[tuple(index)], dims)
    kind = tensor.axes[axis]
    if (start, step, size) == (0, 1, tensor.dims[axis]):
        return tensor
    if kind is CONSTANT:
        return replace(tensor, dims=dims)
    if kind is FEATURES and size != 1 and (step != 1 or tensor.width == UNKNOWN):
        other = with_features_on_last_free_axis(algebra, tensor)
        if other is not None:
            return slice_axis(algebra, other, axis, start, step, size)
    one_leaf = len(tensor.pieces) == 1
    if kind is FEATURES and size == 1 and one_leaf and (not isinstance(start, int) or len(tensor.labels) > 1):
        return _slice_of_one(algebra, tensor, axis, start)  # a step rather than a feature
    if kind is FEATURES and step == 1 and isinstance(start, int) and isinstance(size, int) and tensor.width != UNKNOWN:
        return PolyTensor(tensor.axes, dims, feature_pieces(algebra, tensor, start, start + size))
    if isinstance(kind, MergedAxes) and len(kind.parts) == 2:
        return _slice_merged_axes(algebra, tensor, axis, kind, start, step, size)
    if size == 1:
        return _slice_of_one(algebra, tensor, axis, start)
    if kind is FEATURES:
        return slice_axis(algebra, with_other_feature_axis(algebra, tensor, axis), axis, start, step, size)
    if not isinstance(kind, FreeAxis):
        raise NotUnderstoodError
    turned = (start, step, size) == (tensor.dims[axis] - 1, -1, tensor.dims[axis])
    cut = None if turned else size
    pieces = tuple(
        (width, along_axis(algebra, as_read(algebra, poly), kind.label, start, step, cut))
        for width, poly in tensor.pieces
    )
    return PolyTensor(tensor.axes, dims, pieces)


def _slice_merged_axes(
    algebra: Algebra, tensor: PolyTensor, axis: int, kind: MergedAxes, start: Count, step: int, size: Count
) -> PolyTensor:
    """Read an axis of two merged ones: whole rows of the inner one, of one index of the outer one or several."""
    (outer, count), (inner, length) = kind.parts
    if step != 1:
        raise NotUnderstoodError
    axes = (*tensor.axes[:axis], FreeAxis(outer), FreeAxis(inner), *tensor.axes[axis + 1 :])
    dims = (*tensor.dims[:axis], count, length, *tensor.dims[axis + 1 :])
    apart = PolyTensor(axes, dims, tensor.pieces)
    if isinstance(start, int) and isinstance(size, int) and isinstance(length, int) and algebra.rows_share_matrix:
        row, place = divmod(start, length)
        if place + size <= length:
            inside = slice_axis(algebra, take_index(algebra, apart, axis, row), axis, place, 1, size)
            assert isinstance(inside, PolyTensor)
            return inside
    try:
        first, number = exact_quotient(start, length), exact_quotient(size, length)
    except ValueError as error:
        raise NotUnderstoodError from error
    if number == 1:
        return take_index(algebra, apart, axis, first)
    part = slice_axis(algebra, apart, axis, first, 1, number)
    assert isinstance(part, PolyTensor)
    return PolyTensor(
        (*part.axes[:axis], MergedAxes(((outer, number), (inner, length))), *part.axes[axis + 2 :]),
        (*part.dims[:axis], size, *part.dims[axis + 2 :]),
        part.pieces,
    )


def _slice_of_one(algebra: Algebra, tensor: PolyTensor, axis: int, index: Count) -> PolyTensor:
    taken = unsqueeze(take_index(algebra, tensor, axis, index), [axis])
    assert isinstance(taken, PolyTensor)
    return taken


def slice_bounds(start: Count, end: Count, step: int, dim: Count) -> tuple[Count, Count]:
    """Return the first index and the number of indices of ONNX's Slice of an axis.

    Args:
        start: Where it starts; from the end if negative.
        end: Where it ends, without that index.
        step: How far the next index is.
        dim: How long the axis is.

    Raises:
        NotUnderstoodError: Every other index is read, or fewer, of a number of them that is not known.

    """
    if step > 0:
        first = _clamp(start, dim, 0)
        if isinstance(start, int) and start < -1 and is_negative(first) is not False:
            raise NotUnderstoodError  # a shorter axis is read from its beginning
        last = dim if isinstance(end, int) and end >= UNBOUNDED else _clamp(end, dim, 0)
        size = last - first
        if step >= UNBOUNDED:
            return first, 1
        if size != 1:  # a single index is there
            size = lesser(last, dim) - first
    else:
        far = isinstance(start, int) and (start >= UNBOUNDED or start == -1)
        first = dim - 1 if far else _clamp(start, dim - 1, -1) if not _is_negative_int(start) else dim + start
        last = -1 if isinstance(end, int) and (end <= -UNBOUNDED or (isinstance(dim, int) and end < -dim)) else end
        last = dim + last if isinstance(last, int) and last < 0 and last != -1 else last
        if is_negative(dim - 1 - first) is not False:
            raise NotUnderstoodError  # a shorter axis is read from its end
        if isinstance(end, int) and end == -1:
            last = dim - 1
        size = first - last
    if abs(step) != 1:
        if not isinstance(size, int):
            raise NotUnderstoodError
        size = math.ceil(size / abs(step))
    if isinstance(size, int) and size < 0:
        size = 0
    return first, size


def _is_negative_int(count: Count) -> bool:
    return isinstance(count, int) and count < 0


def _clamp(count: Count, dim: Count, least: int) -> Count:
    if isinstance(count, int) and count < 0:
        count = dim + count
    if isinstance(count, int) and isinstance(dim, int):
        return max(least, min(count, dim))
    return count


def split(algebra: Algebra, tensor: Tensor, axis: int, sizes: Sequence[Count]) -> list[Tensor]:
    """Return the parts of an axis of these sizes, one after the other."""
    axis %= len(tensor.dims)
    result: list[Tensor] = []
    start: Count = 0
    for size in sizes:
        result.append(slice_axis(algebra, tensor, axis, start, 1, size))
        start = start + size
    return result
