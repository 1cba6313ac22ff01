"""Atoms of polynomials: leaves, functions, products with matrices, stacked polynomials, features that are repeated.

    Atom = Leaf(source, axes, lo, hi) | Function(op, parameters, Polys) | MatrixProduct(matrix, atom)
         | Stack(Polys) | Broadcast(Poly)

An atom is an element of a tensor over features and free axes, which are counted from 0. Atoms are interned: each has
one serial number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


class Leaf(NamedTuple):
    """A tensor that is not interpreted, or one that has been given an atom of its own, read through a view.

    Attributes:
        source: Which tensor it is: one of :mod:`sources`, or of what loops and masks add to them.
        axes: How each axis of the tensor is read.
        lo: The first feature that is read.
        hi: The first feature behind those that are read.

    """

    source: Hashable
    axes: tuple[LeafAxis, ...]
    lo: int
    hi: int


class Function(NamedTuple):
    """An elementwise function of polynomials.

    Attributes:
        op: The ONNX operator.
        parameters: Its attributes, such as alpha and beta, or its bounds.
        arguments: What it is applied to.

    """

    op: str
    parameters: tuple[float, ...]
    arguments: tuple[Poly, ...]


class MatrixProduct(NamedTuple):
    """A matrix (out, in) times the features of an atom, given by its serial number."""

    matrix: Matrix
    atom: int


class Stack(NamedTuple):
    """Polynomials along a new first free axis."""

    parts: tuple[Poly, ...]


class Broadcast(NamedTuple):
    """A polynomial of one feature, repeated over any number of features."""

    part: Poly


Atom = Leaf | Function | MatrixProduct | Stack | Broadcast
