"""Broadcasting: bringing tensors to the same axes, elementwise functions of them, and ONNX's Expand."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Leaf
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    INNER_FEATURES,
    OUTER_FEATURES,
    FeatureAxis,
    labels_of,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.matrices import digest
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector
from gru_lower.passes.fuse_gru.algebra.sources import ConstantArray
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, to_int
from gru_lower.passes.fuse_gru.tensors.constant_size import check_size
from gru_lower.passes.fuse_gru.tensors.feature_axis import (
    features_to_free_axis,
    is_made_of_leaves,
    with_feature_axis,
    with_width,
)
from gru_lower.passes.fuse_gru.tensors.tensor import (
    UNKNOWN,
    ConstTensor,
    PolyTensor,
    feature_pieces,
    leaf_tensor,
    only_atom,
)
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


SMALL = 1 << 16
"""Of constants of so many bytes it is remembered what they are as polynomials."""


def as_polynomials(algebra: Algebra, const: ConstTensor, like: PolyTensor | None = None) -> PolyTensor:
    """Return a constant as polynomials: a constant vector, or a leaf if it differs along other axes than the features.

    Args:
        algebra: The tables.
        const: The constant.
        like: What it is to be combined with, aligned at the last axis: the features lie along the same axis.

    Raises:
        NotUnderstoodError: The constant holds integers that are not known, or its size is not known.

    """
    rank = len(const.dims)
    if const.array.dtype == object:
        raise NotUnderstoodError
    features = [rank - 1] if rank else []
    if like is not None:
        offset = rank - len(like.axes)
        features = [i + offset for i, axis in enumerate(like.axes) if isinstance(axis, FeatureAxis) and i + offset >= 0]
    key = id(const.array), const.dims, tuple(features)
    known = algebra.vectors_of_arrays.get(key)
    if known is not None:
        found: PolyTensor = known[1]
        return found
    found = _as_polynomials(algebra, const, features)
    if const.array.nbytes <= SMALL and not isinstance(only_atom(algebra, found), Leaf):
        algebra.vectors_of_arrays[key] = const.array, found
    return found


def _as_polynomials(algebra: Algebra, const: ConstTensor, features: Sequence[int]) -> PolyTensor:
    """Return a constant as polynomials, with the features along these axes."""
    rank = len(const.dims)
    const = ConstTensor(_without_repetition(const.array, features), const.dims)
    if any(length != 1 and axis not in features for axis, length in enumerate(const.array.shape)):
        source = ConstantArray(const.array.dtype.str, const.array.shape, digest(const.array))
        algebra.constants[source] = const.array
        return leaf_tensor(algebra, source, const.dims)
    axes: list[TensorAxis] = [CONSTANT] * rank
    kinds = {0: (), 1: (FEATURES,), 2: (OUTER_FEATURES, INNER_FEATURES)}[len(features)]
    for kind, axis in zip(kinds, features, strict=True):
        axes[axis] = kind
    shape = [const.dims[axis] for axis in features]
    if not all(isinstance(length, int) for length in shape):
        if const.array.size != 1:
            raise NotUnderstoodError
        axes = [CONSTANT] * rank
        shape = []
    numbers = const.array
    if shape:
        check_size(map(to_int, shape))
        numbers = np.broadcast_to(
            numbers.reshape([numbers.shape[axis] for axis in features]), [to_int(length) for length in shape]
        )
    flat = np.asarray(numbers, np.float64).reshape(-1)
    return PolyTensor(tuple(axes), const.dims, ((flat.size, algebra.constant(algebra.coefficient(flat))),))


def _without_repetition(array: Array, features: Sequence[int]) -> Array:
    """Return an array with length 1 along axes on which its entries repeat, but for those of the features."""
    for axis, length in enumerate(array.shape):
        if length > 1 and axis not in features:
            first = array.take([0], axis)
            if (array == first).all():
                array = first
    return array


def broadcast_together(
    algebra: Algebra, given: Sequence[Tensor]
) -> tuple[tuple[TensorAxis, ...], tuple[Count, ...], list[PolyTensor]]:
    """Return the axes and lengths that tensors have when they are broadcast together, and the tensors as polynomials.

    Raises:
        NotUnderstoodError: Different things lie along the same axis.

    """
    first = given[0]
    if isinstance(first, PolyTensor) and FEATURES in first.axes:
        for tensor in given:
            if not isinstance(tensor, PolyTensor) or tensor.axes != first.axes or tensor.dims != first.dims:
                break
        else:
            return first.axes, first.dims, list(given)  # type: ignore[arg-type]
    if any(tensor.dims and tensor.dims[-1] != 1 for tensor in given):
        given = [features_to_free_axis(algebra, each) if _is_column(each, algebra) else each for each in given]
    like = max(
        (tensor for tensor in given if isinstance(tensor, PolyTensor)),
        key=lambda tensor: (not isinstance(only_atom(algebra, tensor), Leaf), len(tensor.labels), tensor.width),
        default=None,
    )
    tensors = [as_polynomials(algebra, each, like) if isinstance(each, ConstTensor) else each for each in given]
    if like is None:
        like = tensors[0]
    rank = max(len(tensor.axes) for tensor in tensors)
    tensors = [_with_features_like(algebra, tensor, like) for tensor in tensors]
    axes: list[TensorAxis] = []
    dims: list[Count] = []
    for position in range(-rank, 0):
        there = [(v.axes[position], v.dims[position]) for v in tensors if len(v.axes) >= -position]
        kinds = {axis for axis, _ in there if axis is not CONSTANT}
        if len(kinds) > 1:
            raise NotUnderstoodError
        axes.append(kinds.pop() if kinds else CONSTANT)
        long = [dim for axis, dim in there if axis is not CONSTANT] or [dim for _, dim in there if dim != 1] or [1]
        if not _fit(algebra, there, long):
            raise NotUnderstoodError
        dims.append(next((dim for dim in long if isinstance(dim, int) and dim != 1), long[0]))
    labels = labels_of(axes)
    if any(tensor.labels and tensor.labels != labels for tensor in tensors):
        raise NotUnderstoodError
    return tuple(axes), tuple(dims), tensors


def _fit(algebra: Algebra, there: Sequence[tuple[TensorAxis, Count]], long: Sequence[Count]) -> bool:
    """Whether tensors that are broadcast fit along an axis: what is repeated as often as the others are long.

    Args:
        algebra: The tables.
        there: What lies along the axis of each tensor, and its length.
        long: The lengths of those that vary along it, or are longer than 1.

    """
    if any(axis is FEATURES for axis, _ in there):
        return True  # of features it is looked at how many there are wherever they are combined
    if algebra.exact_lengths:
        return all(dim in (1, long[0]) for _, dim in there)
    return all(dim == 1 or dim in long or isinstance(dim, Affine) for axis, dim in there if axis is CONSTANT)


def _is_column(tensor: Tensor, algebra: Algebra) -> TypeGuard[PolyTensor]:
    """Whether what was taken for features lies along another axis than the last, which is of length 1."""
    if not isinstance(tensor, PolyTensor) or tensor.axes[-1:] != (CONSTANT,) or tensor.dims[-1] != 1:
        return False
    return FEATURES in tensor.axes and is_made_of_leaves(algebra, tensor)


def _with_features_like(algebra: Algebra, tensor: PolyTensor, like: PolyTensor) -> PolyTensor:
    """Return a leaf whose features lie where those of another tensor do."""
    if tensor is like or FEATURES not in like.axes:
        return tensor
    position = like.axes.index(FEATURES) - len(like.axes)
    if len(tensor.axes) < -position or tensor.axes[position] is FEATURES:
        if tensor.width == UNKNOWN:
            return with_width(algebra, tensor, like.width)
        return tensor
    if FEATURES not in tensor.axes and not tensor.labels:
        return tensor  # the same number everywhere
    conflict = any(
        CONSTANT not in (own, other) and own != other
        for own, other in zip(reversed(tensor.axes), reversed(like.axes), strict=False)
    )
    return with_feature_axis(algebra, tensor, position, like.width) if conflict else tensor


def apply_elementwise(algebra: Algebra, function: Callable[..., Poly], *given: Tensor) -> PolyTensor:
    """Return an elementwise function of tensors, which are broadcast.

    Args:
        algebra: The tables.
        function: The function of as many polynomials.
        given: The tensors.

    Raises:
        NotUnderstoodError: The tensors cannot be brought to the same axes.

    """
    axes, dims, tensors = broadcast_together(algebra, given)
    common = tensors[0].pieces[0][0] if tensors[0].pieces else UNKNOWN
    polys = []
    for tensor in tensors if common != UNKNOWN else ():
        if len(tensor.pieces) != 1 or tensor.pieces[0][0] != common:
            break
        poly = tensor.pieces[0][1]
        polys.append(algebra.atom_of.get(poly, poly))
    if polys and len(polys) == len(tensors):
        return PolyTensor(axes, dims, ((common, function(*polys)),))
    width = max(tensor.width for tensor in tensors)
    if any(tensor.width == UNKNOWN for tensor in tensors) or any(tensor.width not in (1, width) for tensor in tensors):
        raise NotUnderstoodError
    edges = sorted({0, width, *(edge for tensor in tensors if tensor.width == width for edge in _edges(tensor))})
    pieces = []
    for lo, hi in pairwise(edges):
        polys = [_features_of(algebra, tensor, lo, hi, width) for tensor in tensors]
        pieces.append((hi - lo, function(*polys)))
    return PolyTensor(axes, dims, tuple(pieces))


def _edges(tensor: PolyTensor) -> list[int]:
    result, edge = [], 0
    for width, _ in tensor.pieces:
        edge += width
        result.append(edge)
    return result


def _features_of(algebra: Algebra, tensor: PolyTensor, lo: int, hi: int, width: int) -> Poly:
    if tensor.width == 1 and width > 1:
        return broadcast_feature(algebra, tensor.pieces[0][1])
    poly = feature_pieces(algebra, tensor, lo, hi)[0][1]
    return algebra.atom_of.get(poly, poly)


def broadcast_feature(algebra: Algebra, poly: Poly) -> Poly:
    """Return a polynomial of one feature, repeated over any number of features."""
    if all(len(mono) < 2 and not isinstance(coefficient, Vector) for mono, coefficient in poly.terms):
        parts = [(algebra.poly({mono: 1.0}), factor) for mono, factor in poly.terms]
        wide = [(algebra.poly_of_atom(Broadcast(part)) if part.atom else part, factor) for part, factor in parts]
        return algebra.add(*(algebra.scale(part, factor) for part, factor in wide))
    return algebra.poly_of_atom(Broadcast(poly))


def expand(algebra: Algebra, tensor: Tensor, shape: Sequence[Count]) -> Tensor:
    """Repeat along axes of length 1, as ONNX's Expand does.

    Raises:
        NotUnderstoodError: Features are repeated a number of times that is not known.

    """
    rank = max(len(shape), len(tensor.dims))
    new = unsqueeze(tensor, range(rank - len(tensor.dims))) if rank > len(tensor.dims) else tensor
    wanted = [1] * (rank - len(shape)) + list(shape)
    dims = tuple(d if w == 1 else w for d, w in zip(new.dims, wanted, strict=True))
    if isinstance(new, ConstTensor):
        return ConstTensor(new.array, dims)
    if any(axis is not CONSTANT and d not in (1, w) for axis, d, w in zip(new.axes, new.dims, dims, strict=True)):
        raise NotUnderstoodError  # one of them repeated, or all as they are
    pieces, axes = new.pieces, new.axes
    if FEATURES in axes:
        where = axes.index(FEATURES)
        if dims[where] != new.dims[where]:
            if new.width != 1 or not isinstance(dims[where], int):
                raise NotUnderstoodError
            pieces = ((to_int(dims[where]), broadcast_feature(algebra, pieces[0][1])),)
    return PolyTensor(axes, dims, pieces)
