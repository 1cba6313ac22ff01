"""Reading one index of an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Stack
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    INNER_FEATURES,
    OUTER_FEATURES,
    FreeAxis,
    is_below,
    without_label,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import is_negative, to_int
from gru_lower.passes.fuse_gru.algebra.views import at_index
from gru_lower.passes.fuse_gru.tensors.feature_axis import index_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, PolyTensor, feature_pieces

if TYPE_CHECKING:
    from typing import TypeVar

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

    T = TypeVar("T")


def take_index(algebra: Algebra, tensor: PolyTensor, axis: int, index: Count) -> PolyTensor:
    """Read one index of an axis, which goes.

    Raises:
        NotUnderstoodError: Features, or axes that are merged, are read at an index that is not known.

    """
    kind = tensor.axes[axis]
    axes, dims = without(tensor.axes, axis), without(tensor.dims, axis)
    if is_negative(index):
        index = tensor.dims[axis] + index
    if algebra.exact_lengths and not is_below(index, tensor.dims[axis]):
        raise NotUnderstoodError  # the axis may be shorter
    if kind is CONSTANT:
        return PolyTensor(axes, dims, tensor.pieces)
    other = index_feature_axis(algebra, tensor, axis, index) if kind is FEATURES else None
    if other is not None:
        return other
    if kind in (FEATURES, OUTER_FEATURES):
        if not isinstance(index, int) or tensor.width == UNKNOWN:
            raise NotUnderstoodError
        size = 1 if kind is FEATURES else tensor.width // to_int(tensor.dims[axis])
        axes = tuple(FEATURES if entry is INNER_FEATURES else entry for entry in axes)
        return PolyTensor(axes, dims, feature_pieces(algebra, tensor, index * size, index * size + size))
    if not isinstance(kind, FreeAxis):
        raise NotUnderstoodError
    label = kind.label
    pieces = tuple((width, at_index(algebra, as_read(algebra, poly), label, index)) for width, poly in tensor.pieces)
    return PolyTensor(tuple(without_label(entry, label) for entry in axes), dims, pieces)


def without(items: tuple[T, ...], position: int) -> tuple[T, ...]:
    """Return a tuple without one of its entries."""
    return items[:position] + items[position + 1 :]


def as_read(algebra: Algebra, poly: Poly) -> Poly:
    """Return the polynomial whose free axes are read: an atom for one that is more than affine, such as a layer's."""
    if _has_stack(algebra, poly) or not algebra.has_uniform_rank(poly) or algebra.width_of(poly) < 1:
        return poly
    return algebra.as_atom_unless_affine(poly)


def _has_stack(algebra: Algebra, poly: Poly) -> bool:
    """Whether a polynomial has stacked steps in it, which are read one by one."""
    for mono, _ in poly.terms:
        for serial in mono:
            atom = algebra.atoms[serial]
            if isinstance(atom, Stack):
                return True
            if isinstance(atom, Function) and any(_has_stack(algebra, argument) for argument in atom.arguments):
                return True
    return False
