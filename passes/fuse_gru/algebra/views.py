"""Views of polynomials: one index or a slice of a free axis, or a range of features, applied to the leaves in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.axes import AlongAxis, AtIndex, FeatureRange, axis_in_view
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.atoms import Atom
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

View = AtIndex | AlongAxis | FeatureRange


def feature_range(algebra: Algebra, poly: Poly, lo: int, hi: int, width: int) -> Poly:
    """Return features lo to hi of a polynomial over ``width`` features."""
    return poly if (lo, hi) == (0, width) else _view(algebra, poly, FeatureRange(lo, hi))


def at_index(algebra: Algebra, poly: Poly, label: int, index: Count) -> Poly:
    """Return a polynomial at one index of a free axis, which goes; the labels above it move down."""
    return _view(algebra, poly, AtIndex(label, index))


def along_axis(algebra: Algebra, poly: Poly, label: int, start: Count, step: int, size: Count | None) -> Poly:
    """Return a polynomial at start + step · i of a free axis, for ``size`` indices i; ``None`` for all, turned."""
    return _view(algebra, poly, AlongAxis(label, start, step, size))


def _view(algebra: Algebra, poly: Poly, view: View) -> Poly:
    if poly.atom is not None:
        return _view_of_atom(algebra, poly.atom, view)
    result: list[Poly] = []
    for mono, coefficient in poly.terms:
        if isinstance(coefficient, Vector) and isinstance(view, FeatureRange):
            coefficient = _vector_view(algebra, coefficient, view)  # noqa: PLW2901
        if len(mono) == 1 and mono[0] and coefficient == 1.0:
            result.append(_view_of_atom(algebra, mono[0], view))
            continue
        term = algebra.constant(coefficient)
        for serial in filter(None, mono):
            term = algebra.mul(term, _view_of_atom(algebra, serial, view))
        result.append(term)
    return algebra.add(*result)


def _vector_view(algebra: Algebra, vector: Vector, view: FeatureRange) -> Coefficient:
    found = algebra.vector_views.get((vector, view))
    if found is None:
        found = algebra.vector_views[vector, view] = algebra.coefficient(vector.data[view.lo : view.hi])
    return found


def _view_of_atom(algebra: Algebra, serial: int, view: View) -> Poly:
    if isinstance(view, FeatureRange):
        found = algebra.feature_views.get((serial, view))
        if found is None:
            found = algebra.feature_views[serial, view] = _features_of_atom(algebra, algebra.atoms[serial], view)
        return found
    if algebra.ranks[serial] == 0:
        return algebra.poly_of(serial)
    found = algebra.axis_views.get((serial, view))
    if found is None:
        found = algebra.axis_views[serial, view] = _free_axis_of_atom(algebra, algebra.atoms[serial], view)
    return found


def _features_of_atom(algebra: Algebra, atom: Atom, view: FeatureRange) -> Poly:
    match atom:
        case Leaf():
            return algebra.poly_of_atom(atom._replace(lo=atom.lo + view.lo, hi=atom.lo + view.hi))
        case Function():
            return _view_of_function(algebra, atom, view)
        case MatrixProduct():
            rows = algebra.matrices.block(atom.matrix, view.lo, view.hi, 0, atom.matrix.shape[1])
            return algebra.zero if rows.is_zero else algebra.poly_of_atom(MatrixProduct(rows, atom.atom))
        case Stack():
            return algebra.stack(_view(algebra, part, view) for part in atom.parts)
        case Broadcast():
            return algebra.poly_of_atom(atom)


def _free_axis_of_atom(algebra: Algebra, atom: Atom, view: AtIndex | AlongAxis) -> Poly:
    match atom:
        case Leaf():
            return algebra.poly_of_atom(atom._replace(axes=tuple(axis_in_view(axis, view) for axis in atom.axes)))
        case Function():
            return _view_of_function(algebra, atom, view)
        case MatrixProduct():
            return algebra.matrix_product(atom.matrix, _view_of_atom(algebra, atom.atom, view))
        case Stack():
            return _free_axis_of_stack(algebra, atom, view)
        case Broadcast():
            return algebra.poly_of_atom(Broadcast(_view(algebra, atom.part, view)))


def _view_of_function(algebra: Algebra, atom: Function, view: View) -> Poly:
    arguments = [_view(algebra, argument, view) for argument in atom.arguments]
    return algebra.function(atom.op, *arguments, parameters=atom.parameters)


def _free_axis_of_stack(algebra: Algebra, atom: Stack, view: AtIndex | AlongAxis) -> Poly:
    if view.label:
        inner = view._replace(label=view.label - 1)
        return algebra.stack(_view(algebra, part, inner) for part in atom.parts)
    if isinstance(view, AtIndex):
        if not isinstance(view.position, int) or not -len(atom.parts) <= view.position < len(atom.parts):
            raise TooLargeError
        return algebra.atom_of.get(atom.parts[view.position], atom.parts[view.position])
    size = len(atom.parts) if view.size is None else view.size
    if not isinstance(view.start, int) or not isinstance(size, int):
        raise TooLargeError
    return algebra.stack(atom.parts[view.start + view.step * i] for i in range(size))
