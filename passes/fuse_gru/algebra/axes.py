"""Axes of leaves and of interpreted tensors: what lies along each, and how an axis of a leaf is read.

Classes without fields are compared by identity, the others by their fields; no two of one union have equally many,
but for views of axes and of features, which have tables of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, is_negative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count, Unknown


class FeatureAxis:
    """An axis along which features lie."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


FEATURES = FeatureAxis("FEATURES")
"""The axis along which all features lie."""
OUTER_FEATURES = FeatureAxis("OUTER_FEATURES")
"""The outer one of two axes over which the features are laid out, row-major."""
INNER_FEATURES = FeatureAxis("INNER_FEATURES")
"""The inner one of these."""


class ReadAt(NamedTuple):
    """An axis of a leaf that is read at one index."""

    position: Count


class ReadAlong(NamedTuple):
    """An axis of a leaf that is read at ``start + step · i``, i being the index on a free axis.

    Attributes:
        label: The number of the free axis.
        start: The index that 0 reads.
        step: How far the next index is.
        size: How many indices are read; ``None`` for all that the axis has.

    """

    label: int
    start: Count
    step: int
    size: Count | None = None

    @property
    def reads_all(self) -> bool:
        """Whether i reads index i, for every index of the axis."""
        return self.size is None and self.step == 1


LeafAxis = FeatureAxis | ReadAt | ReadAlong
FIRST = ReadAt(0)
"""The one index of an axis of length 1."""


def whole(label: int) -> ReadAlong:
    """Return an axis of a leaf that a free axis reads from its first index to its last."""
    return ReadAlong(label, 0, 1)


def whole_axes(free: int) -> tuple[LeafAxis, ...]:
    """Return the axes of a leaf with so many free axes, all read whole, and its features behind them."""
    return (*(whole(label) for label in range(free)), FEATURES)


class ConstantAxis:
    """An axis of a tensor along which nothing changes: of length 1, or repeated."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "CONSTANT"


CONSTANT = ConstantAxis()


class FreeAxis(NamedTuple):
    """An axis of a tensor that is a free axis of its polynomials' atoms."""

    label: int


class MergedAxes(NamedTuple):
    """An axis of a tensor along which several free axes lie, row-major: pairs of label and length."""

    parts: tuple[tuple[int, Count], ...]


TensorAxis = FeatureAxis | ConstantAxis | FreeAxis | MergedAxes


def labels_of(axes: Iterable[TensorAxis]) -> frozenset[int]:
    """Return the free axes that lie along a tensor's axes."""
    labels: set[int] = set()
    for axis in axes:
        if isinstance(axis, FreeAxis):
            labels.add(axis.label)
        elif isinstance(axis, MergedAxes):
            labels.update(label for label, _ in axis.parts)
    return frozenset(labels)


def varying(axes: Iterable[TensorAxis]) -> list[TensorAxis]:
    """Return a tensor's axes without those along which nothing changes."""
    return [axis for axis in axes if axis is not CONSTANT]


def relabelled(axis: TensorAxis, new: Callable[[int], int]) -> TensorAxis:
    """Return a tensor's axis with other labels for its free axes."""
    if isinstance(axis, FreeAxis):
        return FreeAxis(new(axis.label))
    if isinstance(axis, MergedAxes):
        return MergedAxes(tuple((new(label), length) for label, length in axis.parts))
    return axis


def without_label(axis: TensorAxis, gone: int) -> TensorAxis:
    """Return a tensor's axis once a free axis is gone: labels above it move down."""
    return relabelled(axis, lambda label: label - (label > gone))


def shifted(axis: LeafAxis, by: int) -> LeafAxis:
    """Return a leaf's axis with the label of its free axis moved."""
    return axis._replace(label=axis.label + by) if isinstance(axis, ReadAlong) else axis


def reordered(axis: LeafAxis, new: Mapping[int, int]) -> LeafAxis:
    """Return a leaf's axis with another label for its free axis."""
    return axis._replace(label=new[axis.label]) if isinstance(axis, ReadAlong) else axis


def with_labels_in_order(entries: Iterable[LeafAxis]) -> tuple[list[LeafAxis], dict[int, int]]:
    """Return a leaf's axes with labels that count up in their order, and the new label of each old one."""
    axes = list(entries)
    order = (axis.label for axis in axes if isinstance(axis, ReadAlong))
    fresh = {label: count for count, label in enumerate(order)}
    return [reordered(axis, fresh) for axis in axes], fresh


def index_at(axis: LeafAxis, counter: Unknown) -> Affine | None:
    """Return the index at which a leaf's axis is read if that hangs on a counter, ``None`` otherwise."""
    if isinstance(axis, ReadAt) and isinstance(axis.position, Affine) and axis.position.factor(counter):
        return axis.position
    return None


class AtIndex(NamedTuple):
    """A view at one index of a free axis, which goes; the labels above it move down."""

    label: int
    position: Count


class AlongAxis(NamedTuple):
    """A view at ``start + step · i`` of a free axis.

    Attributes:
        label: The free axis.
        start: The index that 0 reads.
        step: How far the next index is.
        size: For how many i; ``None`` where every index of the axis is read, from the last to the first.

    """

    label: int
    start: Count
    step: int
    size: Count | None


class FeatureRange(NamedTuple):
    """A view of features ``lo`` to ``hi``."""

    lo: int
    hi: int


def axis_in_view(axis: LeafAxis, view: AtIndex | AlongAxis) -> LeafAxis:
    """Return how a leaf's axis is read in a view of the leaf."""
    if not isinstance(axis, ReadAlong):
        return axis
    label, start, step, size = axis
    if label != view.label:
        return axis._replace(label=label - 1) if isinstance(view, AtIndex) and label > view.label else axis
    if isinstance(view, AtIndex):
        if size is not None and not is_below(view.position, size):
            raise NotUnderstoodError  # beyond what was cut out there may be more of the leaf
        return ReadAt(start + step * view.position)
    return ReadAlong(label, start + step * view.start, step * view.step, size if view.size is None else view.size)


def is_below(index: Count, size: Count) -> bool:
    """Whether an index is one of the first ``size`` ones whatever the unknown numbers are."""
    return is_negative(index) is False and is_negative(index - size) is True


def read_within(part: ReadAlong, axis: ReadAt | ReadAlong) -> ReadAt | ReadAlong | None:
    """Return how an axis of a leaf is read in a view of the leaf that has a part of the axis.

    Args:
        part: How the view reads the axis.
        axis: How the axis is read.

    Returns:
        ``None`` where it is read beyond that part, or perhaps.

    """
    if part.step not in (1, -1):
        return None
    if isinstance(axis, ReadAt):
        position = (axis.position - part.start) * part.step
        return ReadAt(position) if part.size is None or is_below(position, part.size) else None
    start, step, size = (axis.start - part.start) * part.step, axis.step * part.step, axis.size
    if part.size is None:
        return ReadAlong(axis.label, start, step, size)
    if size is None:
        return None
    if size == part.size and (start, step) in ((0, 1), (size - 1, -1)):
        return ReadAlong(axis.label, start, step)
    if not (is_below(start, part.size) and is_below(start + step * (size - 1), part.size)):
        return None
    return ReadAlong(axis.label, start, step, size)
