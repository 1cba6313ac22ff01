"""Interpreted tensors: polynomials, constants, and sequences of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, labels_of, whole
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.algebra.views import feature_range
from gru_lower.passes.fuse_gru.tensors.constant_size import check_size

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.atoms import Atom
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

UNKNOWN = -1
"""The width of features of which it is not known how many there are."""


@dataclass(frozen=True, slots=True)
class PolyTensor:
    """A tensor whose elements are polynomials.

    Attributes:
        axes: What lies along each of its axes.
        dims: How long each is.
        pieces: Stretches of its features, from the first to the last: ``(width, polynomial)``.

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
class ConstTensor:
    """A constant: numbers, or whole numbers not all of which are known (an array of objects).

    Attributes:
        array: Its entries; an axis of length 1 may be repeated to any length.
        dims: How long each axis is.

    """

    array: Array
    dims: tuple[Count, ...]

    @property
    def is_full(self) -> bool:
        """Whether the array has every entry: none of its axes is repeated."""
        return bool(self.array.shape == self.dims)


Tensor = PolyTensor | ConstTensor


@dataclass(frozen=True, slots=True)
class TensorSequence:
    """A sequence of tensors: the parts themselves, or one tensor read along an axis.

    Attributes:
        parts: The tensors, where each is known.
        tensor: The tensor that was split into parts of length 1.
        axis: Along which.
        keepdims: Whether the parts keep that axis.

    """

    parts: tuple[Tensor | None, ...] = ()
    tensor: PolyTensor | None = None
    axis: int = 0
    keepdims: bool = True


def const_tensor(array: Array) -> ConstTensor:
    """Return the constant of an array."""
    return ConstTensor(array, array.shape)


def full_array(const: ConstTensor) -> Array:
    """Return all entries of a constant.

    Raises:
        NotUnderstoodError: Its size is not known.

    """
    if const.is_full:
        return const.array
    if not all(isinstance(dim, int) for dim in const.dims):
        raise NotUnderstoodError
    shape = [to_int(dim) for dim in const.dims]
    check_size(shape, const.array.itemsize)  # whoever asks copies it
    return np.broadcast_to(const.array, shape)


def leaf_tensor(algebra: Algebra, source: Hashable, dims: Sequence[Count]) -> PolyTensor:
    """Return a tensor that is not interpreted: its last axis is taken for the features until another one has to be."""
    axes: list[TensorAxis] = []
    entries: list[LeafAxis] = []
    label = 0
    dims = tuple(dims)
    algebra.source_dims[source] = dims
    for axis, dim in enumerate(dims):
        if axis == len(dims) - 1:
            axes.append(FEATURES)
            entries.append(FEATURES)
        elif dim == 1:
            axes.append(CONSTANT)
            entries.append(FIRST)
        else:
            axes.append(FreeAxis(label))
            entries.append(whole(label))
            label += 1
    length = dims[-1] if dims else 1
    width = length if isinstance(length, int) else UNKNOWN
    return PolyTensor(tuple(axes), dims, ((width, algebra.poly_of_atom(Leaf(source, tuple(entries), 0, width))),))


def only_atom(algebra: Algebra, tensor: PolyTensor) -> Atom | None:
    """Return the atom that a tensor is, ``None`` if it is anything else."""
    return None if tensor.poly is None else algebra.atom_in(tensor.poly)


def feature_pieces(algebra: Algebra, tensor: PolyTensor, lo: int, hi: int) -> tuple[tuple[int, Poly], ...]:
    """Return the pieces of features lo to hi."""
    result, edge = [], 0
    for width, poly in tensor.pieces:
        first, last = max(lo, edge), min(hi, edge + width)
        if first < last:
            result.append((last - first, feature_range(algebra, poly, first - edge, last - edge, width)))
        edge += width
    return tuple(result)
