"""Interpreted tensors: how their axes lie, and the polynomials along their features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    FIRST,
    INNER_FEATURES,
    OUTER_FEATURES,
    ConstantAxis,
    FeatureAxis,
    FreeAxis,
    MergedAxes,
    ReadAlong,
    ReadAt,
    counted_anew,
    labels_of,
    relabelled,
    whole,
    without_label,
)
from gru_lower.passes.fuse_gru.algebra.matrices import digest
from gru_lower.passes.fuse_gru.algebra.polynomials import ONE, Leaf, Spread, Vector
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import known

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

OLD = -1
"""A label for the axis that was the features'."""
UNKNOWN = -1
"""The width of features of which it is not known how many there are."""


class NotUnderstoodError(Exception):
    """A node does something that the algebra has no words for; its outputs become leaves."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor as polynomials.

    Attributes:
        axes: What each of its axes is.
        dims: How long each is.
        pieces: Stretches of the features, ``(width, polynomial)``.

    """

    axes: tuple[TensorAxis, ...]
    dims: tuple[Count, ...]
    pieces: tuple[tuple[int, Poly], ...]

    @property
    def labels(self) -> frozenset[int]:
        """The free axes it has."""
        return labels_of(self.axes)

    @property
    def width(self) -> int:
        """How many features it has."""
        return sum(width for width, _ in self.pieces)

    @property
    def poly(self) -> Poly | None:
        """Its polynomial, if all features have the same."""
        return self.pieces[0][1] if len(self.pieces) == 1 else None


@dataclass(frozen=True, slots=True)
class Const:
    """A constant: numbers, or whole numbers not all of which are known (an array of objects).

    Attributes:
        array: Its entries; an axis of length 1 may stand for one of any length.
        dims: How long each axis is.

    """

    array: Array
    dims: tuple[Count, ...]

    @property
    def whole(self) -> bool:
        """Whether every entry is there."""
        return bool(self.array.shape == self.dims)


@dataclass(frozen=True, slots=True)
class Sequence_:  # noqa: N801 - typing's Sequence is another thing
    """A sequence of tensors: the parts themselves, or one tensor read along an axis.

    Attributes:
        parts: The tensors, where each is known.
        tensor: The tensor that was split into parts of length 1.
        axis: Along which.
        keepdims: Whether the parts keep that axis.

    """

    parts: tuple[Value | Const | None, ...] = ()
    tensor: Value | None = None
    axis: int = 0
    keepdims: bool = True


def constant(array: Array) -> Const:
    """Hold an array whose entries are all there."""
    return Const(array, array.shape)


def leaf(algebra: Algebra, source: Hashable, dims: Sequence[Count]) -> Value:
    """Look at a value from outside: its last axis is taken for the features until it turns out to be another."""
    return _leaf(algebra, source, tuple(dims), len(dims) - 1, None)


def _leaf(algebra: Algebra, source: Hashable, dims: tuple[Count, ...], feature: int, width: int | None) -> Value:
    axes: list[TensorAxis] = []
    entries: list[LeafAxis] = []
    count = 0
    algebra.lengths[source] = dims
    for axis, dim in enumerate(dims):
        if axis == feature:
            axes.append(FEATURES)
            entries.append(FEATURES)
        elif dim == 1:
            axes.append(CONSTANT)
            entries.append(FIRST)
        else:
            axes.append(FreeAxis(count))
            entries.append(whole(count))
            count += 1
    if width is None:
        length = dims[feature] if dims else 1
        width = length if isinstance(length, int) else UNKNOWN
    elif dims:
        dims = (*dims[:feature], width, *dims[feature + 1 :])
    return Value(tuple(axes), dims, ((width, algebra.atom(Leaf(source, tuple(entries), 0, width))),))


def refeature(algebra: Algebra, value: Value, position: int, width: int) -> Value:
    """Take another axis of a leaf for its features.

    Raises:
        NotUnderstoodError: The value is no leaf that is seen as it is, or its length there is another.

    """
    position %= max(len(value.axes), 1)
    if value.axes and value.axes[position] is FEATURES and value.width in (width, UNKNOWN):
        return value if value.width == width else _resized(algebra, value, width)
    serial = None if value.poly is None else value.poly.atom
    atom = None if serial is None else algebra.atoms[serial]
    other = OUTER_FEATURES in value.axes or value.dims[position] not in (width, UNKNOWN)
    if not isinstance(atom, Leaf) or (other and isinstance(value.dims[position], int)):
        raise NotUnderstoodError
    if any(isinstance(axis, MergedAxes) for axis in value.axes):
        raise NotUnderstoodError
    return _moved_features(algebra, value, atom, position, width)


def elsewhere(algebra: Algebra, value: Value, axis: int) -> Value:
    """Take the last axis but one that is given for the features of a leaf.

    Raises:
        NotUnderstoodError: It is no leaf, or has no other axis.

    """
    others = [i for i, kind in enumerate(value.axes) if i != axis and isinstance(kind, FreeAxis)]
    width = value.dims[others[-1]] if others else None
    serial = None if value.poly is None else value.poly.atom
    if not isinstance(width, int) or serial is None or not isinstance(algebra.atoms[serial], Leaf):
        raise NotUnderstoodError
    if algebra.atoms[serial].source in algebra.defined:  # type: ignore[union-attr]
        raise NotUnderstoodError
    return refeature(algebra, value, others[-1], width)


def _resized(algebra: Algebra, value: Value, width: int) -> Value:
    serial = None if value.poly is None else value.poly.atom
    atom = None if serial is None else algebra.atoms[serial]
    if not isinstance(atom, Leaf) or atom.lo:
        raise NotUnderstoodError
    dims = tuple(width if axis is FEATURES else dim for axis, dim in zip(value.axes, value.dims, strict=True))
    return replace(value, dims=dims, pieces=((width, algebra.atom(atom._replace(hi=width))),))


def _moved_features(algebra: Algebra, value: Value, atom: Leaf, position: int, width: int) -> Value:
    """Exchange the roles of two axes of a leaf: the old features become a free axis, or one of length 1."""
    old = value.axes.index(FEATURES) if FEATURES in value.axes else None
    wanted = value.axes[position]
    entries = list(atom.axes)
    was = next((i for i, entry in enumerate(entries) if entry is FEATURES), None)
    if wanted is CONSTANT:
        lengths = algebra.lengths.get(atom.source, (1,) * len(entries))
        units = [i for i, entry in enumerate(entries) if entry == FIRST and lengths[i] == 1]
        if value.dims[position] != 1 or not units or width != 1:
            raise NotUnderstoodError
        entries[_which_unit(value, position, units)] = FEATURES
    elif isinstance(wanted, FreeAxis):
        where, reads = next(
            (i, entry)
            for i, entry in enumerate(entries)
            if isinstance(entry, ReadAlong) and entry.label == wanted.label
        )
        if not reads.reads_all:
            raise NotUnderstoodError
        entries[where] = FEATURES
    else:
        raise NotUnderstoodError
    axes = list(value.axes)
    axes[position] = FEATURES
    if was is not None and old is not None:
        unit = value.dims[old] == 1
        entries[was] = ReadAt(atom.lo) if unit else ReadAlong(OLD, atom.lo, 1)
        axes[old] = CONSTANT if unit else FreeAxis(OLD)
    # Labels count the free axes in the order of the leaf's own.
    entries, fresh = counted_anew(entries)
    axes = [FreeAxis(fresh[axis.label]) if isinstance(axis, FreeAxis) else axis for axis in axes]
    dims = tuple(width if axis is FEATURES else dim for axis, dim in zip(axes, value.dims, strict=True))
    poly = algebra.atom(Leaf(atom.source, tuple(entries), 0, width))
    return Value(tuple(axes), dims, ((width, poly),))


def indexed(algebra: Algebra, value: Value, axis: int, index: Count) -> Value | None:
    """Read one index of the axis that was taken for a leaf's features: another axis is, then.

    Args:
        algebra: The tables.
        value: The tensor; the axis goes.
        axis: The axis.
        index: The index.

    Returns:
        ``None`` if the value is no leaf, or has no other axis.

    """
    several = _each_leaf(algebra, value, lambda part: indexed(algebra, part, axis, index))
    if several is not None:
        return several
    serial = None if value.poly is None else value.poly.atom
    atom = None if serial is None else algebra.atoms[serial]
    if not isinstance(atom, Leaf) or atom.source in algebra.defined or OUTER_FEATURES in value.axes:
        return None
    others = [(i, kind.label) for i, kind in enumerate(value.axes) if isinstance(kind, FreeAxis)]
    if not others:
        return _indexed_units(algebra, value, atom, axis, index)
    chosen, label = others[-1]
    entries: list[LeafAxis] = []
    for entry in atom.axes:
        if entry is FEATURES:
            entries.append(ReadAt(atom.lo + index))
        elif isinstance(entry, ReadAlong) and entry.label == label:
            if not entry.reads_all:
                return None
            entries.append(FEATURES)
        elif isinstance(entry, ReadAlong):
            entries.append(entry._replace(label=entry.label - (entry.label > label)))
        else:
            entries.append(entry)
    axes: list[TensorAxis] = []
    for i, kind in enumerate(value.axes):
        if i == chosen:
            axes.append(FEATURES)
        elif i != axis:
            axes.append(without_label(kind, label) if isinstance(kind, FreeAxis) else kind)
    length = value.dims[chosen]
    width = length if isinstance(length, int) else UNKNOWN
    dims = (*value.dims[:axis], *value.dims[axis + 1 :])
    return Value(tuple(axes), dims, ((width, algebra.atom(Leaf(atom.source, tuple(entries), 0, width))),))


def _indexed_units(algebra: Algebra, value: Value, atom: Leaf, axis: int, index: Count) -> Value | None:
    """The same where all other axes are of length 1: the last of them is the features'."""
    lengths = algebra.lengths.get(atom.source, ())
    units = [i for i, entry in enumerate(atom.axes) if entry == FIRST and i < len(lengths) and lengths[i] == 1]
    seen = [i for i, kind in enumerate(value.axes) if kind is CONSTANT]
    if not units or len(units) != len(seen):
        return None
    entries = [ReadAt(atom.lo + index) if entry is FEATURES else entry for entry in atom.axes]
    entries[units[-1]] = FEATURES
    axes = tuple(FEATURES if i == seen[-1] else kind for i, kind in enumerate(value.axes) if i != axis)
    dims = (*value.dims[:axis], *value.dims[axis + 1 :])
    return Value(axes, dims, ((1, algebra.atom(Leaf(atom.source, tuple(entries), 0, 1))),))


def features_elsewhere(algebra: Algebra, value: Value) -> Value | None:
    """Take another axis than now for the features of leaves, ``None`` if there is none."""
    several = _each_leaf(algebra, value, lambda part: features_elsewhere(algebra, part))
    if several is not None:
        return several
    free = [i for i, kind in enumerate(value.axes) if isinstance(kind, FreeAxis)]
    if not free:
        return None
    length = value.dims[free[-1]]
    try:
        made = refeature(algebra, value, free[-1], length if isinstance(length, int) else UNKNOWN)
    except NotUnderstoodError:
        return None
    return replace(made, dims=value.dims)


def _which_unit(value: Value, position: int, units: list[int]) -> int:
    """Tell which axis of length 1 of a leaf an axis of length 1 of its view is: the same in order."""
    seen = [axis for axis, entry in enumerate(value.axes) if entry is CONSTANT]
    if len(seen) != len(units):
        raise NotUnderstoodError
    return units[seen.index(position)]


def as_value(algebra: Algebra, const: Const, like: Value | None = None) -> Value:
    """See a constant as polynomials, its features where another value has them.

    Args:
        algebra: The tables.
        const: The constant.
        like: What it is to be combined with, aligned at the last axis.

    """
    rank = len(const.dims)
    if const.array.dtype == object:
        raise NotUnderstoodError
    features = [rank - 1] if rank else []
    if like is not None:
        offset = rank - len(like.axes)
        features = [i + offset for i, axis in enumerate(like.axes) if isinstance(axis, FeatureAxis) and i + offset >= 0]
    const = Const(_collapsed(const.array, features), const.dims)
    if any(length != 1 and axis not in features for axis, length in enumerate(const.array.shape)):
        key = ("constant", const.array.dtype.str, const.array.shape, digest(const.array))
        algebra.constants[key] = const.array
        return leaf(algebra, key, const.dims)
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
        numbers = np.broadcast_to(
            numbers.reshape([numbers.shape[axis] for axis in features]), [known(length) for length in shape]
        )
    flat = np.asarray(numbers, np.float64).reshape(-1)
    return Value(tuple(axes), const.dims, ((flat.size, algebra.constant(algebra.vector(flat))),))


def _collapsed(array: Array, features: Sequence[int]) -> Array:
    """Shorten the axes along which nothing changes, the features aside."""
    for axis, length in enumerate(array.shape):
        if length > 1 and axis not in features:
            first = array.take([0], axis)
            if (array == first).all():
                array = first
    return array


def aligned(
    algebra: Algebra, given: Sequence[Value | Const]
) -> tuple[tuple[TensorAxis, ...], tuple[Count, ...], list[Value]]:
    """Bring values to the same axes, as broadcasting does.

    Raises:
        NotUnderstoodError: Different things lie along the same axis.

    """
    first = given[0]
    if (
        isinstance(first, Value)
        and FEATURES in first.axes
        and all(
            isinstance(value, Value) and value.axes == first.axes and value.dims == first.dims for value in given[1:]
        )
    ):
        return first.axes, first.dims, list(given)  # type: ignore[arg-type]
    if any(value.dims and value.dims[-1] != 1 for value in given):
        given = [featureless(algebra, value) if _is_column(value, algebra) else value for value in given]
    like = max((value for value in given if isinstance(value, Value)), key=_settled_first(algebra), default=None)
    values = [as_value(algebra, value, like) if isinstance(value, Const) else value for value in given]
    if like is None:
        like = values[0]
    rank = max(len(value.axes) for value in values)
    values = [_fitted(algebra, value, like) for value in values]
    axes: list[TensorAxis] = []
    dims: list[Count] = []
    for position in range(-rank, 0):
        there = [(v.axes[position], v.dims[position]) for v in values if len(v.axes) >= -position]
        kinds = {axis for axis, _ in there if axis is not CONSTANT}
        if len(kinds) > 1:
            raise NotUnderstoodError
        axes.append(kinds.pop() if kinds else CONSTANT)
        long = [dim for axis, dim in there if axis is not CONSTANT] or [dim for _, dim in there if dim != 1] or [1]
        dims.append(next((dim for dim in long if isinstance(dim, int) and dim != 1), long[0]))
    labels = labels_of(axes)
    if any(value.labels and value.labels != labels for value in values):
        raise NotUnderstoodError
    return tuple(axes), tuple(dims), values


def _settled_first(algebra: Algebra) -> Callable[[Value], tuple[bool, int, int]]:
    def rank(value: Value) -> tuple[bool, int, int]:
        serial = None if value.poly is None else value.poly.atom
        raw = serial is not None and isinstance(algebra.atoms[serial], Leaf)
        return not raw, len(value.labels), value.width

    return rank


def _fitted(algebra: Algebra, value: Value, like: Value) -> Value:
    """Take a leaf's features where those of what it meets are."""
    if value is like or FEATURES not in like.axes:
        return value
    position = like.axes.index(FEATURES) - len(like.axes)
    if len(value.axes) < -position or value.axes[position] is FEATURES:
        if value.width == UNKNOWN:
            return _resized(algebra, value, like.width)
        return value
    if FEATURES not in value.axes and not value.labels:
        return value  # the same number everywhere
    conflict = any(
        CONSTANT not in (own, other) and own != other
        for own, other in zip(reversed(value.axes), reversed(like.axes), strict=False)
    )
    return refeature(algebra, value, position, like.width) if conflict else value


def lift(algebra: Algebra, function: Callable[..., Poly], *given: Value | Const) -> Value:
    """Apply an elementwise function.

    Raises:
        NotUnderstoodError: The values cannot be brought to the same axes.

    """
    axes, dims, values = aligned(algebra, given)
    if all(len(value.pieces) == 1 for value in values):
        widths = {value.pieces[0][0] for value in values}
        if len(widths) == 1 and UNKNOWN not in widths:
            polys = [algebra.whole.get(poly, poly) for value in values for _, poly in value.pieces]
            return Value(axes, dims, ((widths.pop(), function(*polys)),))
    width = max(value.width for value in values)
    if any(value.width == UNKNOWN for value in values) or any(value.width not in (1, width) for value in values):
        raise NotUnderstoodError
    edges = sorted({0, width, *(edge for value in values if value.width == width for edge in _edges(value))})
    pieces = []
    for lo, hi in pairwise(edges):
        polys = [_stretch(algebra, value, lo, hi, width) for value in values]
        pieces.append((hi - lo, function(*polys)))
    return Value(axes, dims, tuple(pieces))


def _of_leaves(algebra: Algebra, value: Value) -> bool:
    atoms = [] if value.poly is None else [algebra.atoms[s] for mono, _ in value.poly.terms for s in mono if s]
    return bool(atoms) and all(isinstance(atom, Leaf) and atom.axes == getattr(atoms[0], "axes", ()) for atom in atoms)


def _is_column(value: Value | Const, algebra: Algebra) -> TypeGuard[Value]:
    """Whether what was taken for features lies along another axis than the last, which is of length 1."""
    if not isinstance(value, Value) or value.axes[-1:] != (CONSTANT,) or value.dims[-1] != 1:
        return False
    return FEATURES in value.axes and _of_leaves(algebra, value)


def featureless(algebra: Algebra, value: Value) -> Value:
    """See what was taken for features as a free axis: something that is the same for all features, such as a mask.

    Raises:
        NotUnderstoodError: The value is more than leaves that are seen alike.

    """
    old = value.axes.index(FEATURES)
    if value.width == 1:
        return replace(value, axes=tuple(CONSTANT if axis is FEATURES else axis for axis in value.axes))
    leaf = None if value.poly is None or value.poly.atom is None else algebra.atoms[value.poly.atom]
    if leaf is None:
        made = _each_leaf(algebra, value, lambda part: featureless(algebra, part))
        if made is None:
            raise NotUnderstoodError
        return made
    if not isinstance(leaf, Leaf) or leaf.lo or FEATURES not in leaf.axes:
        raise NotUnderstoodError
    axes = [FreeAxis(OLD) if place == old else axis for place, axis in enumerate(value.axes)]
    if not all(isinstance(axis, (FreeAxis, ConstantAxis)) for axis in axes):
        raise NotUnderstoodError
    entries, fresh = counted_anew(whole(OLD) if entry is FEATURES else entry for entry in leaf.axes)
    poly = algebra.atom(Leaf(leaf.source, tuple(entries), 0, 1))
    return Value(tuple(relabelled(axis, fresh.__getitem__) for axis in axes), value.dims, ((1, poly),))


def _each_leaf(algebra: Algebra, value: Value, function: Callable[[Value], Value | None]) -> Value | None:
    """Apply a function to every leaf of a value that has several, all of them seen alike; ``None`` if it has not."""
    if value.poly is None or len(value.poly.terms) < 2 or not _of_leaves(algebra, value):
        return None
    parts, found = [], None
    for mono, factor in value.poly.terms:
        term = algebra.constant(factor)
        for serial in filter(None, mono):
            found = function(replace(value, pieces=((value.width, algebra.poly({(serial,): 1.0})),)))
            if found is None:
                return None
            term = algebra.mul(term, found.pieces[0][1])
        parts.append(term)
    return None if found is None else replace(found, pieces=((found.width, algebra.add(*parts)),))


def _edges(value: Value) -> list[int]:
    result, edge = [], 0
    for width, _ in value.pieces:
        edge += width
        result.append(edge)
    return result


def _stretch(algebra: Algebra, value: Value, lo: int, hi: int, width: int) -> Poly:
    if value.width == 1 and width > 1:
        return spread(algebra, value.pieces[0][1])
    poly = features(algebra, value, lo, hi)[0][1]
    return algebra.whole.get(poly, poly)


def spread(algebra: Algebra, poly: Poly) -> Poly:
    """See one feature as many equal ones."""
    if all(len(mono) < 2 and not isinstance(coefficient, Vector) for mono, coefficient in poly.terms):
        parts = [(algebra.poly({mono: 1.0}), factor) for mono, factor in poly.terms]
        wide = [(algebra.atom(Spread(part)) if part.atom else part, factor) for part, factor in parts]
        return algebra.add(*(algebra.scale(part, factor) for part, factor in wide))
    return algebra.atom(Spread(poly))


def features(algebra: Algebra, value: Value, lo: int, hi: int) -> tuple[tuple[int, Poly], ...]:
    """Return the pieces of features lo to hi."""
    result, edge = [], 0
    for width, poly in value.pieces:
        first, last = max(lo, edge), min(hi, edge + width)
        if first < last:
            result.append((last - first, algebra.part(poly, first - edge, last - edge, width)))
        edge += width
    return tuple(result)


__all__ = ["ONE", "Const", "NotUnderstoodError", "Value"]
