"""Inputs that a loop computes anew in every step: read from the graph instead, or multiplied out.

V in the graph, and in step t Vₜ            V is read along its axis of time
W (A xₜ + c)                                (W A) xₜ + W c
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.axes import index_at
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError, TooLargeError
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector
from gru_lower.passes.fuse_gru.algebra.views import at_index
from gru_lower.passes.fuse_gru.recognition.pre_activation import Product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count, Unknown
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


def read_from_graph(interpreter: Interpreter, recurrence: Recurrence, atom: int) -> int:
    """Return the atom that a value of the graph is in step t, if one is the same as an atom computed in the loop.

    Args:
        interpreter: The scope the loop stands in.
        recurrence: The recurrence, of a loop.
        atom: An input of its cell.

    """
    algebra = interpreter.algebra
    poly = _computed(algebra, atom)
    if poly is None or recurrence.loop is None or interpreter.named_tensor(poly) is not None:
        return atom
    indices = set(_indices(algebra, poly, recurrence.loop.counter.terms[0][0]))
    here: ScopeValues | None = interpreter
    while here is not None and len(indices) == 1:
        (index,) = indices
        for whole in list(here.named_tensors):
            for label in range(algebra.rank_of(whole)) if algebra.rank_of(whole) == algebra.rank_of(poly) + 1 else ():
                try:
                    same = at_index(algebra, whole, label, index) is poly
                except (NotUnderstoodError, TooLargeError):
                    continue
                if same:
                    found = at_index(algebra, algebra.poly({(algebra.as_atom(whole),): 1.0}), label, index).atom
                    return atom if found is None else found
        here = here.parent
    return atom


def _computed(algebra: Algebra, atom: int) -> Poly | None:
    leaf = algebra.atoms[atom]
    return algebra.definitions.get(leaf.source) if isinstance(leaf, Leaf) else None


def _indices(algebra: Algebra, poly: Poly, name: Unknown) -> Iterator[Count]:
    """Yield where a polynomial's leaves are read, as far as it hangs on a counter."""
    for serial in {serial for mono, _ in poly.terms for serial in mono}:
        match algebra.atoms[serial]:
            case Leaf() as leaf:
                for entry in leaf.axes:
                    index = index_at(entry, name)
                    if index is not None:
                        yield index
                inner = algebra.definitions.get(leaf.source)
                if inner is not None and inner.atom != serial:  # an output of a loop is defined as itself
                    yield from _indices(algebra, inner, name)
            case MatrixProduct() as product:
                yield from _indices(algebra, algebra.poly_of(product.atom), name)
            case other:
                for part in getattr(other, "arguments", ()):
                    yield from _indices(algebra, part, name)


def with_inputs_multiplied_out(algebra: Algebra, recurrence: Recurrence) -> Recurrence | None:
    """Return a recurrence that reads what its computed inputs are made of.

    Args:
        algebra: The tables.
        recurrence: A loop's.

    Returns:
        ``None`` if there are none, or they are no linear maps of leaves.

    """
    cell = recurrence.cells[0]
    z, r, h = (None if gate is None else _multiplied_out(algebra, gate) for gate in (cell.z, cell.r, cell.h))
    if z is None or h is None or (cell.r is not None and r is None):
        return None
    changed: Cell = replace(cell, z=z, r=r, h=h)
    return None if changed == cell else replace(recurrence, cells=(changed,))


def _multiplied_out(algebra: Algebra, gate: PreActivation) -> PreActivation | None:
    """Return a pre-activation with its computed inputs multiplied out, ``None`` if one is no linear map of leaves."""
    inputs: dict[int, list[Product]] = {}
    bias = gate.bias
    for atom, products in gate.inputs:
        poly = _computed(algebra, atom)
        if poly is None:
            inputs.setdefault(atom, []).extend(products)
            continue
        for factor, matrix in products:
            for mono, coefficient in poly.terms:
                if not any(mono):
                    made = algebra.matrix_product(matrix, algebra.constant(coefficient))
                    bias = algebra.add(bias, algebra.scale(made, factor))
                    continue
                inner = algebra.atoms[mono[0]] if len(mono) == 1 else None
                if isinstance(inner, Leaf):
                    source, product = mono[0], matrix
                elif isinstance(inner, MatrixProduct) and not isinstance(coefficient, Vector):
                    joined = algebra.matrices.product(matrix, inner.matrix)
                    if joined is None:
                        return None
                    source, product = inner.atom, joined
                else:
                    return None
                if isinstance(coefficient, Vector):
                    if product.array is None:
                        return None
                    made_product = Product(factor, algebra.matrices.scaled(product, coefficient.data))
                else:
                    made_product = Product(algebra.coefficient_product(factor, coefficient), product)
                inputs.setdefault(source, []).append(made_product)
    return replace(gate, inputs=tuple((atom, tuple(products)) for atom, products in inputs.items()), bias=bias)
