"""Operators that only move elements: each acts on the axes, and on the leaves under the polynomials."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    INNER_FEATURES,
    OUTER_FEATURES,
    FreeAxis,
    MergedAxes,
    labels_of,
    relabelled,
    whole_axes,
    without_label,
)
from gru_lower.passes.fuse_gru.algebra.polynomials import Fn, Leaf, Stack
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import LONGEST, Affine, is_negative, known, multiple
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.tensor import (
    UNKNOWN,
    Const,
    NotUnderstoodError,
    Value,
    aligned,
    as_value,
    constant,
    elsewhere,
    features,
    features_elsewhere,
    indexed,
    refeature,
    spread,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

T = TypeVar("T")
FAR = LONGEST
"""Ends of slices from here on mean: to the end."""


def filled(const: Const) -> Array:
    """Return a constant with every entry there.

    Raises:
        NotUnderstoodError: Its size is not known.

    """
    if const.whole:
        return const.array
    if not all(isinstance(dim, int) for dim in const.dims):
        raise NotUnderstoodError
    return np.broadcast_to(const.array, [known(dim) for dim in const.dims])


def transpose(value: Value | Const, perm: Sequence[int] | None) -> Value | Const:
    """Permute the axes; reverse them where no order is given."""
    rank = len(value.dims)
    order = [axis % rank for axis in perm] if perm else list(reversed(range(rank)))
    dims = tuple(value.dims[axis] for axis in order)
    if isinstance(value, Const):
        return Const(value.array.transpose(order), dims)
    return replace(value, axes=tuple(value.axes[axis] for axis in order), dims=dims)


def unsqueeze(value: Value | Const, where: Sequence[int]) -> Value | Const:
    """Insert axes of length 1."""
    rank = len(value.dims) + len(where)
    new = {axis % rank for axis in where}
    dims = iter(value.dims)
    full = tuple(1 if axis in new else next(dims) for axis in range(rank))
    if isinstance(value, Const):
        return Const(np.expand_dims(value.array, tuple(sorted(new))), full)
    axes = iter(value.axes)
    return replace(value, axes=tuple(CONSTANT if axis in new else next(axes) for axis in range(rank)), dims=full)


def squeeze(algebra: Algebra, value: Value | Const, where: Sequence[int] | None) -> Value | Const:
    """Remove axes of length 1."""
    rank = len(value.dims)
    gone = {axis % rank for axis in where} if where is not None else {i for i, d in enumerate(value.dims) if d == 1}
    if isinstance(value, Const):
        dims = tuple(dim for axis, dim in enumerate(value.dims) if axis not in gone)
        return Const(value.array.reshape([n for i, n in enumerate(value.array.shape) if i not in gone]), dims)
    for axis in sorted(gone, reverse=True):
        if value.axes[axis] is not CONSTANT:
            value = take(algebra, value, axis, 0)
        else:
            value = replace(value, axes=_without(value.axes, axis), dims=_without(value.dims, axis))
    return value


def _without(items: tuple[T, ...], position: int) -> tuple[T, ...]:
    return items[:position] + items[position + 1 :]


def take(algebra: Algebra, value: Value, axis: int, index: Count) -> Value:
    """Read one index of an axis, which goes."""
    kind = value.axes[axis]
    axes, dims = _without(value.axes, axis), _without(value.dims, axis)
    if kind is CONSTANT:
        return Value(axes, dims, value.pieces)
    if is_negative(index):
        index = value.dims[axis] + index
    other = indexed(algebra, value, axis, index) if kind is FEATURES else None
    if other is not None:
        return other
    if kind in (FEATURES, OUTER_FEATURES):
        if not isinstance(index, int) or value.width == UNKNOWN:
            raise NotUnderstoodError
        size = 1 if kind is FEATURES else value.width // known(value.dims[axis])
        axes = tuple(FEATURES if entry is INNER_FEATURES else entry for entry in axes)
        return Value(axes, dims, features(algebra, value, index * size, index * size + size))
    if not isinstance(kind, FreeAxis):
        raise NotUnderstoodError
    label = kind.label
    pieces = tuple((width, algebra.at(_whole(algebra, poly), label, index)) for width, poly in value.pieces)
    return Value(tuple(without_label(entry, label) for entry in axes), dims, pieces)


def _whole(algebra: Algebra, poly: Poly) -> Poly:
    """Look at what is read step by step as a whole if it is more than affine: an input that was activated, say."""
    if _is_stack(algebra, poly) or not algebra.uniform(poly, algebra.free_of(poly)) or algebra.width_of(poly) < 1:
        return poly
    return algebra.at_rest(poly)


def _is_stack(algebra: Algebra, poly: Poly) -> bool:
    """Whether steps that were laid beside each other are in a polynomial: they are taken apart one by one."""
    for mono, _ in poly.terms:
        for serial in mono:
            atom = algebra.atoms[serial]
            if isinstance(atom, Stack) or (isinstance(atom, Fn) and any(_is_stack(algebra, a) for a in atom.arguments)):
                return True
    return False


def section(algebra: Algebra, value: Value | Const, axis: int, start: Count, step: int, size: Count) -> Value | Const:
    """Read ``size`` indices of an axis, which stays: start, start + step, ..."""
    dims = (*value.dims[:axis], size, *value.dims[axis + 1 :])
    if isinstance(value, Const):
        if value.array.shape[axis] == 1 and value.dims[axis] != 1:
            return Const(value.array, dims)
        if not isinstance(start, int) or not isinstance(size, int):
            raise NotUnderstoodError
        index = [slice(None)] * value.array.ndim
        stop = start + step * size
        index[axis] = slice(start, stop if stop >= 0 else None, step)
        return Const(value.array[tuple(index)], dims)
    kind = value.axes[axis]
    if (start, step, size) == (0, 1, value.dims[axis]):
        return value
    if kind is CONSTANT:
        return replace(value, dims=dims)
    if kind is FEATURES and size != 1 and (step != 1 or value.width == UNKNOWN):
        other = features_elsewhere(algebra, value)
        if other is not None:
            return section(algebra, other, axis, start, step, size)
    if kind is FEATURES and size == 1 and (not isinstance(start, int) or len(value.labels) > 1):
        return _one(algebra, value, axis, start)  # a step rather than a feature
    if kind is FEATURES and step == 1 and isinstance(start, int) and isinstance(size, int) and value.width != UNKNOWN:
        return Value(value.axes, dims, features(algebra, value, start, start + size))
    if isinstance(kind, MergedAxes) and len(kind.parts) == 2:
        return _block(algebra, value, axis, kind, start, step, size)
    if size == 1:
        return _one(algebra, value, axis, start)
    if kind is FEATURES:
        return section(algebra, elsewhere(algebra, value, axis), axis, start, step, size)
    if not isinstance(kind, FreeAxis):
        raise NotUnderstoodError
    pieces = tuple(
        (width, algebra.along(_whole(algebra, poly), kind.label, start, step, size)) for width, poly in value.pieces
    )
    return Value(value.axes, dims, pieces)


def _block(algebra: Algebra, value: Value, axis: int, kind: MergedAxes, start: Count, step: int, size: Count) -> Value:
    """Read whole rows of two axes that lie together: those of one index of the outer, or of several."""
    (outer, count), (inner, length) = kind.parts
    if step != 1:
        raise NotUnderstoodError
    axes = (*value.axes[:axis], FreeAxis(outer), FreeAxis(inner), *value.axes[axis + 1 :])
    dims = (*value.dims[:axis], count, length, *value.dims[axis + 1 :])
    apart = Value(axes, dims, value.pieces)
    if isinstance(start, int) and isinstance(size, int) and isinstance(length, int) and algebra.weights_in_parts:
        row, place = divmod(start, length)
        if place + size <= length:
            inside = section(algebra, take(algebra, apart, axis, row), axis, place, 1, size)
            assert isinstance(inside, Value)
            return inside
    try:
        first, number = multiple(start, length), multiple(size, length)
    except ValueError as error:
        raise NotUnderstoodError from error
    if number == 1:
        return take(algebra, apart, axis, first)
    part = section(algebra, apart, axis, first, 1, number)
    assert isinstance(part, Value)
    return Value(
        (*part.axes[:axis], MergedAxes(((outer, number), (inner, length))), *part.axes[axis + 2 :]),
        (*part.dims[:axis], size, *part.dims[axis + 2 :]),
        part.pieces,
    )


def _one(algebra: Algebra, value: Value, axis: int, index: Count) -> Value:
    taken = unsqueeze(take(algebra, value, axis, index), [axis])
    assert isinstance(taken, Value)
    return taken


def bounds(start: Count, end: Count, step: int, dim: Count) -> tuple[Count, Count]:
    """Return the first index and the number of indices of a slice, as ONNX counts them."""
    if step > 0:
        first = _clamped(start, dim, 0)
        last = dim if isinstance(end, int) and end >= FAR else _clamped(end, dim, 0)
        size = last - first
        if step >= FAR:
            return first, 1
    else:
        far = isinstance(start, int) and (start >= FAR or start == -1)
        first = dim - 1 if far else _clamped(start, dim - 1, -1) if not _below(start) else dim + start
        last = -1 if isinstance(end, int) and (end <= -FAR or (isinstance(dim, int) and end < -dim)) else end
        last = dim + last if isinstance(last, int) and last < 0 and last != -1 else last
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


def _below(count: Count) -> bool:
    return isinstance(count, int) and count < 0


def _clamped(count: Count, dim: Count, least: int) -> Count:
    if isinstance(count, int) and count < 0:
        count = dim + count
    if isinstance(count, int) and isinstance(dim, int):
        return max(least, min(count, dim))
    return count


def gather(algebra: Algebra, value: Value | Const, axis: int, indices: Const) -> Value | Const:
    """Read an axis at constant indices, or at a counter."""
    axis %= len(value.dims)
    if isinstance(value, Const):
        data = value.array
        dims = value.dims[:axis] + indices.dims + value.dims[axis + 1 :]
        if data.shape[axis] == 1 and value.dims[axis] != 1:  # the same at every index
            return Const(np.take(data, np.zeros((1,) * len(indices.dims), np.int64), axis=axis), dims)
        if indices.array.dtype == object and any(isinstance(index, Affine) for index in indices.array.flat):
            raise NotUnderstoodError
        taken = np.take(data, filled(indices).astype(np.int64), axis=axis)
        return Const(np.asarray(taken), dims)
    wanted = [entry if isinstance(entry, Affine) else int(entry) for entry in filled(indices).reshape(-1)]
    if indices.dims == ():
        return take(algebra, value, axis, wanted[0])
    if len(indices.dims) != 1:
        raise NotUnderstoodError
    dim = value.dims[axis]
    wanted = [index if not _below(index) else dim + index for index in wanted]
    if len(wanted) == 1:
        return section(algebra, value, axis, wanted[0], 1, 1)
    steps = {b - a for a, b in pairwise(wanted)}
    if len(steps) == 1 and steps <= {1, -1}:
        try:
            return section(algebra, value, axis, wanted[0], known(next(iter(steps))), len(wanted))
        except NotUnderstoodError:
            pass  # features in another order: one by one
    parts = [section(algebra, value, axis, index, 1, 1) for index in wanted]
    return concat(algebra, parts, axis)


def concat(algebra: Algebra, given: Sequence[Value | Const], axis: int) -> Value | Const:
    """Lay tensors side by side: features after features, or as a new free axis."""
    consts = [value for value in given if isinstance(value, Const)]
    rank = len(given[0].dims)
    axis %= rank
    total = given[0].dims[axis]
    for value in given[1:]:
        total = total + value.dims[axis]
    if len(consts) == len(given):
        return _concat_consts(consts, axis, total)
    like = next((v for v in given if isinstance(v, Value) and v.axes[axis] is FEATURES and v.width != UNKNOWN), None)
    if like is not None:
        return _concat_features(algebra, given, axis, like)
    return _stack(algebra, given, axis, total)


def _concat_consts(given: Sequence[Const], axis: int, total: Count) -> Const:
    dims = (*given[0].dims[:axis], total, *given[0].dims[axis + 1 :])
    if all(value.whole for value in given):
        kind = object if any(value.array.dtype == object for value in given) else given[0].array.dtype
        return constant(np.concatenate([value.array.astype(kind, copy=False) for value in given], axis=axis))
    first = given[0].array
    if first.size == 1 and all(value.array.size == 1 and value.array.flat[0] == first.flat[0] for value in given):
        return Const(first.reshape((1,) * len(dims)), dims)
    return constant(np.concatenate([filled(value) for value in given], axis=axis))


def _concat_features(algebra: Algebra, given: Sequence[Value | Const], axis: int, like: Value) -> Value:
    position = axis - len(like.axes)
    parts: list[Value] = []
    for value in given:
        seen = as_value(algebra, value, like) if isinstance(value, Const) else value
        if seen.axes[axis] is not FEATURES:
            length = seen.dims[axis]
            if not isinstance(length, int):
                raise NotUnderstoodError
            if seen.axes[axis] is CONSTANT and length > 1:
                seen = Value(
                    (*seen.axes[:axis], FEATURES, *seen.axes[axis + 1 :]), seen.dims, ((length, seen.pieces[0][1]),)
                )
            else:
                seen = refeature(algebra, seen, position, length)
        parts.append(seen)
    blanks = [replace(part, pieces=((1, algebra.zero),)) for part in parts]
    axes, dims, _ = aligned(algebra, blanks)
    labels = labels_of(axes)
    if any(part.labels and part.labels != labels for part in parts) or any(part.width == UNKNOWN for part in parts):
        raise NotUnderstoodError
    pieces = tuple(piece for part in parts for piece in part.pieces)
    width = sum(part.width for part in parts)
    return Value(axes, (*dims[:axis], width, *dims[axis + 1 :]), pieces)


def _stack(algebra: Algebra, given: Sequence[Value | Const], axis: int, total: Count) -> Value:
    """Lay tensors along a new free axis; one that has such an axis already is taken apart."""
    made = _joined(algebra, given, axis, total)
    if made is not None:
        return made
    if not isinstance(total, int):
        raise NotUnderstoodError
    slices: list[Value | Const] = []
    for value in given:
        length = value.dims[axis]
        if not isinstance(length, int):
            raise NotUnderstoodError
        if isinstance(value, Const) or value.axes[axis] is CONSTANT:
            slices += [value if length == 1 else section(algebra, value, axis, 0, 1, 1)] * length
        elif not _is_stacked(algebra, value, axis):
            return _stack_blocks(algebra, given, axis, total)
        else:
            slices += [section(algebra, value, axis, index, 1, 1) for index in range(length)]
    axes, dims, values = aligned(algebra, slices)
    width = max(value.width for value in values)
    several = max(len(value.pieces) for value in values) > 1
    if axes[axis] is not CONSTANT or width == UNKNOWN or (several and len({_widths(value) for value in values}) > 1):
        raise NotUnderstoodError
    widths = _widths(max(values, key=lambda value: value.width))
    pieces = []
    for place, each in enumerate(widths):
        polys = [spread(algebra, v.pieces[0][1]) if v.width < width else v.pieces[place][1] for v in values]
        pieces.append((each, algebra.stack(polys)))
    raised = tuple(relabelled(kind, lambda label: label + 1) for kind in axes)
    return Value(
        (*raised[:axis], FreeAxis(0), *raised[axis + 1 :]), (*dims[:axis], total, *dims[axis + 1 :]), tuple(pieces)
    )


def _widths(value: Value) -> tuple[int, ...]:
    return tuple(width for width, _ in value.pieces)


def _joined(algebra: Algebra, given: Sequence[Value | Const], axis: int, total: Count) -> Value | None:
    """Lay what a loop stacked and a single step's value together, if that is one value of the loop."""
    values = [value for value in given if isinstance(value, Value)]
    if len(values) != 2 or len(given) != 2:
        return None
    stacked = next((value for value in values if value.axes[axis] is not CONSTANT), None)
    single = next((value for value in values if value.axes[axis] is CONSTANT and value.dims[axis] == 1), None)
    if stacked is None or single is None or stacked.axes[axis] != FreeAxis(0):
        return None
    rest = tuple(without_label(entry, 0) for entry in _without(stacked.axes, axis))
    if rest != _without(single.axes, axis) or [w for w, _ in stacked.pieces] != [w for w, _ in single.pieces]:
        return None
    polys = [tuple(poly for _, poly in parts) for parts in zip(*(value.pieces for value in values), strict=True)]
    made = [algebra.concatenated_steps(list(parts), total) for parts in polys]
    if not any(made):
        return None
    entries = whole_axes(len(stacked.labels))
    pieces = []
    for (width, _), parts, poly in zip(stacked.pieces, polys, made, strict=True):
        other = algebra.atom(Leaf(("joined", parts), entries, 0, width)) if poly is None else poly
        pieces.append((width, other))
    return Value(stacked.axes, (*stacked.dims[:axis], total, *stacked.dims[axis + 1 :]), tuple(pieces))


def _is_stacked(algebra: Algebra, value: Value, axis: int) -> bool:
    serial = None if value.poly is None else value.poly.atom
    return serial is not None and isinstance(algebra.atoms[serial], Stack) and value.axes[axis] == FreeAxis(0)


def _stack_blocks(algebra: Algebra, given: Sequence[Value | Const], axis: int, total: int) -> Value:
    """Lay tensors one below the other along an axis that each has: a new axis lies together with that one."""
    length = given[0].dims[axis]
    if any(value.dims[axis] != length for value in given):
        raise NotUnderstoodError
    stacked = _stack(algebra, [unsqueeze(value, [axis]) for value in given], axis, len(given))
    inner = stacked.axes[axis + 1]
    if not isinstance(inner, FreeAxis):
        raise NotUnderstoodError
    together = MergedAxes(((0, len(given)), (inner.label, length)))
    axes = (*stacked.axes[:axis], together, *stacked.axes[axis + 2 :])
    return Value(axes, (*stacked.dims[:axis], total, *stacked.dims[axis + 2 :]), stacked.pieces)


def expand(algebra: Algebra, value: Value | Const, shape: Sequence[Count]) -> Value | Const:
    """Repeat along axes of length 1, as broadcasting does."""
    rank = max(len(shape), len(value.dims))
    new = unsqueeze(value, range(rank - len(value.dims))) if rank > len(value.dims) else value
    wanted = [1] * (rank - len(shape)) + list(shape)
    dims = tuple(d if w == 1 else w for d, w in zip(new.dims, wanted, strict=True))
    if isinstance(new, Const):
        return Const(new.array, dims)
    pieces, axes = new.pieces, new.axes
    if FEATURES in axes:
        where = axes.index(FEATURES)
        if dims[where] != new.dims[where]:
            if new.width != 1 or not isinstance(dims[where], int):
                raise NotUnderstoodError
            pieces = ((known(dims[where]), spread(algebra, pieces[0][1])),)
    return Value(axes, dims, pieces)


def split(algebra: Algebra, value: Value | Const, axis: int, sizes: Sequence[Count]) -> list[Value | Const]:
    """Cut an axis into stretches."""
    axis %= len(value.dims)
    result: list[Value | Const] = []
    start: Count = 0
    for size in sizes:
        result.append(section(algebra, value, axis, start, 1, size))
        start = start + size
    return result


__all__ = [
    "bounds",
    "concat",
    "expand",
    "gather",
    "reshape",
    "section",
    "split",
    "squeeze",
    "take",
    "transpose",
    "unsqueeze",
]
