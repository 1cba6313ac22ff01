"""Masks that compare the number of a step with sequences' lengths.

t < lengths             a leaf whose source says what is compared with what
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    FreeAxis,
    ReadAlong,
    ReadAt,
    relabelled,
    reordered,
    whole,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter.sequence_lengths import read_lengths
from gru_lower.passes.fuse_gru.tensors.feature_axis import features_along
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import position_factor
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.sequence_lengths import LengthsLeaf
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues
    from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor


class LengthMask(NamedTuple):
    """The source of a leaf that is 1 where number < lengths and 0 elsewhere.

    Attributes:
        lengths: The source of the leaf that holds the lengths. The mask's leaf has the axes of that one, all of them
            free or read at one index, and behind them the axis of positions, if there is one.
        number: What is compared with them; may depend on :data:`POSITION`, the index on the axis
            of positions.
        has_positions: Whether there is an axis of positions.

    """

    lengths: Hashable
    number: Count
    has_positions: bool


def compared_number(mask: Leaf) -> Count | None:
    """Return the number that a mask compares with lengths.

    Args:
        mask: The mask's leaf.

    Returns:
        ``None`` for a mask that compares no lengths, or one of all positions at once.

    """
    source = mask.source
    if not isinstance(source, LengthMask):
        return None
    if not source.has_positions:
        return source.number
    entry = mask.axes[-1]
    if not isinstance(entry, ReadAt):
        return None
    if not isinstance(source.number, Affine):
        return source.number
    factor = position_factor(source.number)
    found: Count = source.number - POSITION * factor + entry.position * factor
    return found


def lengths_of(here: ScopeValues, name: str) -> tuple[Hashable, tuple[LeafAxis, ...]] | None:
    """Return the source of the leaf that lengths are, and the axes of a mask that compares them; ``None`` for no leaf.

    Args:
        here: The scope.
        name: The name of the lengths.

    """
    value = here.value(name)
    found = read_lengths(here, name, value) if isinstance(value, PolyTensor) else None
    if found is None or found.shift or not found.whole:
        return None
    return found.leaf.source, _mask_axes(here.algebra, found.leaf)[0]


def length_mask(
    algebra: Algebra, count: ConstTensor, tensor: PolyTensor, lengths: LengthsLeaf, *, below: bool
) -> PolyTensor:
    """Return the mask count < lengths, its axes broadcast.

    Args:
        algebra: The tables.
        count: The numbers that are compared: one, or a vector that counts.
        tensor: The tensor of lengths.
        lengths: What that is.
        below: False for the mask's complement.

    Raises:
        NotUnderstoodError: The numbers do not count, or their axis is not one of their own.

    """
    leaf = lengths.leaf
    rank = max(len(count.dims), len(tensor.dims))
    long = [i - len(count.dims) for i, dim in enumerate(count.dims) if dim != 1]
    has_positions = bool(long) and (count.array.size > 1 or position_factor(count.array.reshape(-1)[0]) != 0)
    if len(long) > 1:
        raise NotUnderstoodError
    entries, labels = _mask_axes(algebra, leaf)
    axes: list[TensorAxis] = []
    dims: list[Count] = []
    for position in range(-rank, 0):
        kind = tensor.axes[position] if -position <= len(tensor.axes) else CONSTANT
        dim = tensor.dims[position] if -position <= len(tensor.dims) else 1
        if position in long and (kind is not CONSTANT or dim != 1):
            raise NotUnderstoodError
        if position in long:
            axes.append(FreeAxis(len(labels)) if has_positions else CONSTANT)
            dims.append(count.dims[position])
            continue
        axes.append(FreeAxis(labels[kind]) if kind in labels else CONSTANT)
        dims.append(dim)
        if kind not in labels and kind is not CONSTANT and (kind is not FEATURES or dim != 1):
            raise NotUnderstoodError
    if has_positions:
        entries = (*entries, whole(len(labels)))
    # As everywhere, the free axes count from the first of the tensor's to the last.
    free = (axis.label for axis in axes if isinstance(axis, FreeAxis))
    order = {old: label for label, old in enumerate(free)}
    axes = [relabelled(axis, order.__getitem__) for axis in axes]
    entries = tuple(reordered(entry, order) for entry in entries)
    source = LengthMask(leaf.source, _as_function_of_position(count) - lengths.shift, has_positions)
    poly = algebra.poly_of_atom(Leaf(source, entries, 0, 1))
    if not below:
        poly = algebra.add(algebra.constant(1.0), algebra.scale(poly, -1.0))
    return PolyTensor(tuple(axes), tuple(dims), ((1, poly),))


def _mask_axes(algebra: Algebra, leaf: Leaf) -> tuple[tuple[LeafAxis, ...], dict[TensorAxis, int]]:
    """Return a leaf's axes without features, and the labels of what were its features and its free axes."""
    labels: dict[TensorAxis, int] = {}
    entries: list[LeafAxis] = []
    for entry in leaf.axes:
        if entry is FEATURES and leaf.hi - leaf.lo == 1:
            entries.append(ReadAt(leaf.lo))
        elif entry is FEATURES:
            if leaf.lo:
                raise NotUnderstoodError
            entries.append(features_along(algebra, leaf, len(labels)))
            labels[FEATURES] = len(labels)
        elif isinstance(entry, ReadAlong):
            entries.append(entry._replace(label=len(labels)))
            labels[FreeAxis(entry.label)] = len(labels)
        else:
            entries.append(entry)
    return tuple(entries), labels


def _as_function_of_position(count: ConstTensor) -> Count:
    """Return the entries of a vector as one number that depends on the position."""
    entries = count.array.reshape(-1).tolist()
    if any(not isinstance(entry, (int, float, Affine)) or isinstance(entry, bool) for entry in entries):
        raise NotUnderstoodError
    if any(isinstance(entry, float) and entry != int(entry) for entry in entries):
        raise NotUnderstoodError
    first = entries[0] if isinstance(entries[0], Affine) else int(entries[0])
    if len(entries) == 1:
        return first
    step = entries[1] - entries[0]
    if any(b - a != step for a, b in pairwise(entries)) or isinstance(step, Affine):
        raise NotUnderstoodError
    return POSITION * int(step) + first if step else first
