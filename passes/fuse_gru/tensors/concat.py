"""Concat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf, Stack
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    FreeAxis,
    MergedAxes,
    labels_of,
    relabelled,
    whole_axes,
    without_label,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.sources import Concatenation
from gru_lower.passes.fuse_gru.tensors.broadcasting import as_polynomials, broadcast_feature, broadcast_together
from gru_lower.passes.fuse_gru.tensors.constant_size import check_entries, check_size
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.indexing import without
from gru_lower.passes.fuse_gru.tensors.slice_and_split import slice_axis
from gru_lower.passes.fuse_gru.tensors.tensor import (
    UNKNOWN,
    ConstTensor,
    PolyTensor,
    const_tensor,
    full_array,
    only_atom,
)
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def concat(algebra: Algebra, given: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenate tensors: their features, or along a free axis that is new.

    Raises:
        NotUnderstoodError: The tensors do not lie on the same axes, or their lengths are not known.

    """
    consts = [tensor for tensor in given if isinstance(tensor, ConstTensor)]
    rank = len(given[0].dims)
    axis %= rank
    total = given[0].dims[axis]
    for tensor in given[1:]:
        total = total + tensor.dims[axis]
    if len(consts) == len(given):
        return _concat_consts(consts, axis, total)
    like = next(
        (v for v in given if isinstance(v, PolyTensor) and v.axes[axis] is FEATURES and v.width != UNKNOWN), None
    )
    if like is not None:
        return _concat_features(algebra, given, axis, like)
    return _stack_along_new_axis(algebra, given, axis, total)


def _concat_consts(given: Sequence[ConstTensor], axis: int, total: Count) -> ConstTensor:
    dims = (*given[0].dims[:axis], total, *given[0].dims[axis + 1 :])
    if all(tensor.is_full for tensor in given):
        check_size([sum(tensor.array.size for tensor in given)], given[0].array.itemsize)
        kind = object if any(tensor.array.dtype == object for tensor in given) else given[0].array.dtype
        return const_tensor(np.concatenate([tensor.array.astype(kind, copy=False) for tensor in given], axis=axis))
    first = given[0].array
    if first.size == 1 and all(tensor.array.size == 1 and tensor.array.flat[0] == first.flat[0] for tensor in given):
        return ConstTensor(first.reshape((1,) * len(dims)), dims)
    return const_tensor(np.concatenate([full_array(tensor) for tensor in given], axis=axis))


def _concat_features(algebra: Algebra, given: Sequence[Tensor], axis: int, like: PolyTensor) -> PolyTensor:
    position = axis - len(like.axes)
    parts: list[PolyTensor] = []
    for tensor in given:
        seen = as_polynomials(algebra, tensor, like) if isinstance(tensor, ConstTensor) else tensor
        if seen.axes[axis] is not FEATURES:
            length = seen.dims[axis]
            if not isinstance(length, int):
                raise NotUnderstoodError
            if seen.axes[axis] is CONSTANT and length > 1:
                seen = PolyTensor(
                    (*seen.axes[:axis], FEATURES, *seen.axes[axis + 1 :]), seen.dims, ((length, seen.pieces[0][1]),)
                )
            else:
                seen = with_feature_axis(algebra, seen, position, length)
        parts.append(seen)
    blanks = [replace(part, pieces=((1, algebra.zero),)) for part in parts]
    axes, dims, _ = broadcast_together(algebra, blanks)
    labels = labels_of(axes)
    if any(part.labels and part.labels != labels for part in parts) or any(part.width == UNKNOWN for part in parts):
        raise NotUnderstoodError
    pieces = tuple(piece for part in parts for piece in part.pieces)
    width = sum(part.width for part in parts)
    return PolyTensor(axes, (*dims[:axis], width, *dims[axis + 1 :]), pieces)


def _stack_along_new_axis(algebra: Algebra, given: Sequence[Tensor], axis: int, total: Count) -> PolyTensor:
    """Stack tensors along a new free axis; those that are stacked already are taken apart."""
    made = _concat_loop_steps(algebra, given, axis, total)
    if made is not None:
        return made
    if not isinstance(total, int):
        if all(isinstance(each, PolyTensor) and isinstance(each.axes[axis], FreeAxis) for each in given):
            return _concat_equal_lengths(algebra, given, axis, total)  # such as a batch of which the length is open
        raise NotUnderstoodError
    slices: list[Tensor] = []
    for tensor in given:
        length = tensor.dims[axis]
        if not isinstance(length, int):
            raise NotUnderstoodError
        check_entries(length)
        if isinstance(tensor, ConstTensor) or tensor.axes[axis] is CONSTANT:
            slices += [tensor if length == 1 else slice_axis(algebra, tensor, axis, 0, 1, 1)] * length
        elif not _is_stacked(algebra, tensor, axis):
            return _concat_equal_lengths(algebra, given, axis, total)
        else:
            slices += [slice_axis(algebra, tensor, axis, index, 1, 1) for index in range(length)]
    axes, dims, tensors = broadcast_together(algebra, slices)
    width = max(tensor.width for tensor in tensors)
    several = max(len(tensor.pieces) for tensor in tensors) > 1
    if axes[axis] is not CONSTANT or width == UNKNOWN or (several and len({_widths(tensor) for tensor in tensors}) > 1):
        raise NotUnderstoodError
    widths = _widths(max(tensors, key=lambda tensor: tensor.width))
    pieces = []
    for place, each in enumerate(widths):
        polys = [broadcast_feature(algebra, v.pieces[0][1]) if v.width < width else v.pieces[place][1] for v in tensors]
        pieces.append((each, algebra.stack(polys)))
    raised = tuple(relabelled(kind, lambda label: label + 1) for kind in axes)
    return PolyTensor(
        (*raised[:axis], FreeAxis(0), *raised[axis + 1 :]), (*dims[:axis], total, *dims[axis + 1 :]), tuple(pieces)
    )


def _widths(tensor: PolyTensor) -> tuple[int, ...]:
    return tuple(width for width, _ in tensor.pieces)


def _concat_loop_steps(algebra: Algebra, given: Sequence[Tensor], axis: int, total: Count) -> PolyTensor | None:
    """Concatenate the steps that a loop stacked and a single one, ``None`` if they are not one tensor of the loop."""
    tensors = [tensor for tensor in given if isinstance(tensor, PolyTensor)]
    if len(tensors) != 2 or len(given) != 2:
        return None
    stacked = next((tensor for tensor in tensors if tensor.axes[axis] is not CONSTANT), None)
    single = next((tensor for tensor in tensors if tensor.axes[axis] is CONSTANT and tensor.dims[axis] == 1), None)
    if stacked is None or single is None or stacked.axes[axis] != FreeAxis(0):
        return None
    rest = tuple(without_label(entry, 0) for entry in without(stacked.axes, axis))
    if rest != without(single.axes, axis) or [w for w, _ in stacked.pieces] != [w for w, _ in single.pieces]:
        return None
    polys = [tuple(poly for _, poly in parts) for parts in zip(*(tensor.pieces for tensor in tensors), strict=True)]
    made = [algebra.concatenated_steps(list(parts), total) for parts in polys]
    if not any(made):
        return None
    entries = whole_axes(len(stacked.labels))
    pieces = []
    for (width, _), parts, poly in zip(stacked.pieces, polys, made, strict=True):
        other = algebra.poly_of_atom(Leaf(Concatenation(parts), entries, 0, width)) if poly is None else poly
        pieces.append((width, other))
    return PolyTensor(stacked.axes, (*stacked.dims[:axis], total, *stacked.dims[axis + 1 :]), tuple(pieces))


def _is_stacked(algebra: Algebra, tensor: PolyTensor, axis: int) -> bool:
    return isinstance(only_atom(algebra, tensor), Stack) and tensor.axes[axis] == FreeAxis(0)


def _concat_equal_lengths(algebra: Algebra, given: Sequence[Tensor], axis: int, total: Count) -> PolyTensor:
    """Concatenate tensors of one length along an axis that each has: it is merged with a new one of the tensors."""
    length = given[0].dims[axis]
    if any(tensor.dims[axis] != length for tensor in given):
        raise NotUnderstoodError
    stacked = _stack_along_new_axis(algebra, [unsqueeze(tensor, [axis]) for tensor in given], axis, len(given))
    inner = stacked.axes[axis + 1]
    if not isinstance(inner, FreeAxis):
        raise NotUnderstoodError
    together = MergedAxes(((0, len(given)), (inner.label, length)))
    axes = (*stacked.axes[:axis], together, *stacked.axes[axis + 2 :])
    return PolyTensor(axes, (*stacked.dims[:axis], total, *stacked.dims[axis + 2 :]), stacked.pieces)
