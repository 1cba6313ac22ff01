"""Choosing which axis of a leaf holds the features.

A tensor that is not interpreted is a leaf whose features lie along its last axis. Where a matrix multiplies another
axis, or a step is read from the last one, that other axis is taken for the features instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    FIRST,
    OUTER_FEATURES,
    ConstantAxis,
    FreeAxis,
    MergedAxes,
    ReadAlong,
    ReadAt,
    relabelled,
    whole,
    with_labels_in_order,
    without_label,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, PolyTensor, only_atom

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

OLD = -1
"""A label for the axis that was the features'."""


def with_feature_axis(algebra: Algebra, tensor: PolyTensor, axis: int, width: int) -> PolyTensor:
    """Return a tensor whose features lie along an axis: itself, or a leaf read in another way.

    Raises:
        NotUnderstoodError: The tensor is no leaf that is read whole, or the axis is not as long as the width.

    """
    axis %= max(len(tensor.axes), 1)
    if tensor.axes and tensor.axes[axis] is FEATURES and tensor.width in (width, UNKNOWN):
        return tensor if tensor.width == width else with_width(algebra, tensor, width)
    atom = only_atom(algebra, tensor)
    other = OUTER_FEATURES in tensor.axes or tensor.dims[axis] not in (width, UNKNOWN)
    if not isinstance(atom, Leaf) or (other and isinstance(tensor.dims[axis], int)):
        raise NotUnderstoodError
    if any(isinstance(kind, MergedAxes) for kind in tensor.axes):
        raise NotUnderstoodError
    return _with_features_exchanged(algebra, tensor, atom, axis, width)


def with_other_feature_axis(algebra: Algebra, tensor: PolyTensor, axis: int) -> PolyTensor:
    """Return a leaf whose features lie along its last free axis but a given one.

    Raises:
        NotUnderstoodError: The tensor is no leaf, or has no other axis.

    """
    others = [i for i, kind in enumerate(tensor.axes) if i != axis and isinstance(kind, FreeAxis)]
    width = tensor.dims[others[-1]] if others else None
    atom = only_atom(algebra, tensor)
    if not isinstance(width, int) or not isinstance(atom, Leaf) or atom.source in algebra.definitions:
        raise NotUnderstoodError
    return with_feature_axis(algebra, tensor, others[-1], width)


def with_features_on_last_free_axis(algebra: Algebra, tensor: PolyTensor) -> PolyTensor | None:
    """Return a leaf, or a sum of leaves, whose features lie along its last free axis; ``None`` if that cannot be."""
    of_sum = _for_each_leaf(algebra, tensor, lambda part: with_features_on_last_free_axis(algebra, part))
    if of_sum is not None:
        return of_sum
    free = [i for i, kind in enumerate(tensor.axes) if isinstance(kind, FreeAxis)]
    if not free:
        return None
    length = tensor.dims[free[-1]]
    try:
        made = with_feature_axis(algebra, tensor, free[-1], length if isinstance(length, int) else UNKNOWN)
    except NotUnderstoodError:
        return None
    return replace(made, dims=tensor.dims)


def with_width(algebra: Algebra, tensor: PolyTensor, width: int) -> PolyTensor:
    """Return a leaf of whose features it is known how many there are.

    Raises:
        NotUnderstoodError: The tensor is no leaf that is read from its first feature.

    """
    atom = only_atom(algebra, tensor)
    if not isinstance(atom, Leaf) or atom.lo:
        raise NotUnderstoodError
    dims = tuple(width if axis is FEATURES else dim for axis, dim in zip(tensor.axes, tensor.dims, strict=True))
    return replace(tensor, dims=dims, pieces=((width, algebra.poly_of_atom(atom._replace(hi=width))),))


def _with_features_exchanged(algebra: Algebra, tensor: PolyTensor, atom: Leaf, position: int, width: int) -> PolyTensor:
    """Exchange the roles of two axes of a leaf: the old features become a free axis, or one of length 1."""
    old = tensor.axes.index(FEATURES) if FEATURES in tensor.axes else None
    wanted = tensor.axes[position]
    entries = list(atom.axes)
    was = next((i for i, entry in enumerate(entries) if entry is FEATURES), None)
    if wanted is CONSTANT:
        units = _unit_axes(atom, algebra.source_dims.get(atom.source, (1,) * len(entries)))
        if tensor.dims[position] != 1 or not units or width != 1:
            raise NotUnderstoodError
        entries[_matching_unit(tensor, position, units)] = FEATURES
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
    axes = list(tensor.axes)
    axes[position] = FEATURES
    if was is not None and old is not None:
        unit = tensor.dims[old] == 1
        entries[was] = ReadAt(atom.lo) if unit else features_along(algebra, atom, OLD)
        axes[old] = CONSTANT if unit else FreeAxis(OLD)
    elif was is not None:  # an axis of length 1 that a Reshape has left out
        if atom.hi - atom.lo != 1:
            raise NotUnderstoodError
        entries[was] = ReadAt(atom.lo)
    # Labels count the free axes in the order of the leaf's own.
    entries, fresh = with_labels_in_order(entries)
    axes = [FreeAxis(fresh[axis.label]) if isinstance(axis, FreeAxis) else axis for axis in axes]
    dims = tuple(width if axis is FEATURES else dim for axis, dim in zip(axes, tensor.dims, strict=True))
    poly = algebra.poly_of_atom(Leaf(atom.source, tuple(entries), 0, width))
    return PolyTensor(tuple(axes), dims, ((width, poly),))


def features_along(algebra: Algebra, atom: Leaf, label: int) -> ReadAlong:
    """Return how a leaf's features are read along a free axis: as far as the leaf has them."""
    lengths = algebra.source_dims.get(atom.source)
    if lengths is None:
        definition = algebra.definitions.get(atom.source)
        length: Count = UNKNOWN if definition is None else algebra.width_of(definition)
    else:
        length = lengths[atom.axes.index(FEATURES)]
    all_of_them = atom.lo == 0 and (atom.hi == length or UNKNOWN in (atom.hi, length) or isinstance(length, Affine))
    return whole(label) if all_of_them else ReadAlong(label, atom.lo, 1, atom.hi - atom.lo)


def index_feature_axis(algebra: Algebra, tensor: PolyTensor, axis: int, index: Count) -> PolyTensor | None:
    """Read one index of the axis that was taken for a leaf's features: another axis is, then.

    Args:
        algebra: The tables.
        tensor: The tensor; the axis goes.
        axis: The axis.
        index: The index.

    Returns:
        ``None`` if the tensor is no leaf, or has no other axis.

    """
    of_sum = _for_each_leaf(algebra, tensor, lambda part: index_feature_axis(algebra, part, axis, index))
    if of_sum is not None:
        return of_sum
    atom = only_atom(algebra, tensor)
    if not isinstance(atom, Leaf) or atom.source in algebra.definitions or OUTER_FEATURES in tensor.axes:
        return None
    others = [(i, kind.label) for i, kind in enumerate(tensor.axes) if isinstance(kind, FreeAxis)]
    if not others:
        return _index_feature_axis_of_units(algebra, tensor, atom, axis, index)
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
    for i, kind in enumerate(tensor.axes):
        if i == chosen:
            axes.append(FEATURES)
        elif i != axis:
            axes.append(without_label(kind, label) if isinstance(kind, FreeAxis) else kind)
    length = tensor.dims[chosen]
    width = length if isinstance(length, int) else UNKNOWN
    dims = (*tensor.dims[:axis], *tensor.dims[axis + 1 :])
    poly = algebra.poly_of_atom(Leaf(atom.source, tuple(entries), 0, width))
    return PolyTensor(tuple(axes), dims, ((width, poly),))


def _index_feature_axis_of_units(
    algebra: Algebra, tensor: PolyTensor, atom: Leaf, axis: int, index: Count
) -> PolyTensor | None:
    """Do the same where all other axes are of length 1: the last of them is the features'."""
    units = _unit_axes(atom, algebra.source_dims.get(atom.source, ()))
    seen = [i for i, kind in enumerate(tensor.axes) if kind is CONSTANT]
    if not units or len(units) != len(seen):
        return None
    entries = [ReadAt(atom.lo + index) if entry is FEATURES else entry for entry in atom.axes]
    entries[units[-1]] = FEATURES
    axes = tuple(FEATURES if i == seen[-1] else kind for i, kind in enumerate(tensor.axes) if i != axis)
    dims = (*tensor.dims[:axis], *tensor.dims[axis + 1 :])
    return PolyTensor(axes, dims, ((1, algebra.poly_of_atom(Leaf(atom.source, tuple(entries), 0, 1))),))


def _unit_axes(atom: Leaf, dims: tuple[Count, ...]) -> list[int]:
    """Return the axes of length 1 of the tensor that a leaf reads."""
    return [i for i, entry in enumerate(atom.axes) if entry == FIRST and i < len(dims) and dims[i] == 1]


def _matching_unit(tensor: PolyTensor, position: int, units: list[int]) -> int:
    """Return which of a leaf's axes of length 1 lies along an axis of a tensor: the same in order."""
    seen = [axis for axis, entry in enumerate(tensor.axes) if entry is CONSTANT]
    if len(seen) != len(units):
        raise NotUnderstoodError
    return units[seen.index(position)]


def features_to_free_axis(algebra: Algebra, tensor: PolyTensor) -> PolyTensor:
    """Return a tensor of one feature, such as a mask: what was taken for its features becomes a free axis.

    Raises:
        NotUnderstoodError: The tensor is more than leaves that are read in the same way.

    """
    old = tensor.axes.index(FEATURES)
    if tensor.width == 1:
        return replace(tensor, axes=tuple(CONSTANT if axis is FEATURES else axis for axis in tensor.axes))
    atom = only_atom(algebra, tensor)
    if atom is None:
        made = _for_each_leaf(algebra, tensor, lambda part: features_to_free_axis(algebra, part))
        if made is None:
            raise NotUnderstoodError
        return made
    if not isinstance(atom, Leaf) or atom.lo or FEATURES not in atom.axes:
        raise NotUnderstoodError
    axes = [FreeAxis(OLD) if place == old else axis for place, axis in enumerate(tensor.axes)]
    if not all(isinstance(axis, (FreeAxis, ConstantAxis)) for axis in axes):
        raise NotUnderstoodError
    entries, fresh = with_labels_in_order(
        features_along(algebra, atom, OLD) if entry is FEATURES else entry for entry in atom.axes
    )
    poly = algebra.poly_of_atom(Leaf(atom.source, tuple(entries), 0, 1))
    return PolyTensor(tuple(relabelled(axis, fresh.__getitem__) for axis in axes), tensor.dims, ((1, poly),))


def is_made_of_leaves(algebra: Algebra, tensor: PolyTensor) -> bool:
    """Whether a tensor is a polynomial of leaves that are all read in the same way."""
    atoms = [] if tensor.poly is None else [algebra.atoms[s] for mono, _ in tensor.poly.terms for s in mono if s]
    return bool(atoms) and all(isinstance(atom, Leaf) and atom.axes == getattr(atoms[0], "axes", ()) for atom in atoms)


def _for_each_leaf(
    algebra: Algebra, tensor: PolyTensor, function: Callable[[PolyTensor], PolyTensor | None]
) -> PolyTensor | None:
    """Apply a function to every leaf of a sum of leaves that are read in the same way; ``None`` for anything else."""
    if tensor.poly is None or len(tensor.poly.terms) < 2 or not is_made_of_leaves(algebra, tensor):
        return None
    parts, found = [], None
    for mono, factor in tensor.poly.terms:
        term = algebra.constant(factor)
        for serial in filter(None, mono):
            found = function(replace(tensor, pieces=((tensor.width, algebra.poly({(serial,): 1.0})),)))
            if found is None:
                return None
            term = algebra.mul(term, found.pieces[0][1])
        parts.append(term)
    return None if found is None else replace(found, pieces=((found.width, algebra.add(*parts)),))
