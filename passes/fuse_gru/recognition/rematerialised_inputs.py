"""Inputs that a loop computes anew in every step: where the graph has them for all steps, or what they are made of.

V in the graph, and in step t Vₜ            V is read along its axis of time
W (A xₜ + c)                                (W A) xₜ + W c
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import index_at
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Lin, TooLargeError, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.read_cell import Cell, Form, Product
    from gru_lower.passes.fuse_gru.recognition.row import Row


def outside(interpreter: Interpreter, row: Row, atom: int) -> int:
    """Return the atom that a value of the graph is in step t, if one is the same as an atom computed in the loop.

    Args:
        interpreter: The scope the loop stands in.
        row: The row, of a loop.
        atom: An input of its cell.

    """
    algebra = interpreter.algebra
    poly = _computed(algebra, atom)
    if poly is None or row.carrier is None or interpreter.home(poly) is not None:
        return atom
    indices = set(_indices(algebra, poly, row.carrier.counter.terms[0][0]))
    here: Interpreter | None = interpreter
    while here is not None and len(indices) == 1:
        (index,) = indices
        for whole in list(here.homes):
            for label in range(algebra.free_of(whole)) if algebra.free_of(whole) == algebra.free_of(poly) + 1 else ():
                try:
                    same = algebra.at(whole, label, index) is poly
                except TooLargeError:
                    continue
                if same:
                    found = algebra.at(algebra.poly({(algebra.cut(whole),): 1.0}), label, index).atom
                    return atom if found is None else found
        here = here.parent
    return atom


def _computed(algebra: Algebra, atom: int) -> Poly | None:
    leaf = algebra.atoms[atom]
    return algebra.defined.get(leaf.source) if isinstance(leaf, Leaf) else None


def _indices(algebra: Algebra, poly: Poly, name: object) -> Iterator[Count]:
    """Yield where a polynomial's leaves are read, as far as it hangs on a counter."""
    for serial in {serial for mono, _ in poly.terms for serial in mono}:
        match algebra.atoms[serial]:
            case Leaf() as leaf:
                for entry in leaf.axes:
                    index = index_at(entry, name)
                    if index is not None:
                        yield index
                inner = algebra.defined.get(leaf.source)
                if inner is not None and inner.atom != serial:  # what a loop leaves behind stands for itself
                    yield from _indices(algebra, inner, name)
            case Lin() as product:
                yield from _indices(algebra, algebra.of(product.atom), name)
            case other:
                for part in getattr(other, "arguments", ()):
                    yield from _indices(algebra, part, name)


def unfolded(algebra: Algebra, row: Row) -> Row | None:
    """Return a row that reads what its computed inputs are made of, ``None`` if they are no linear maps of leaves."""
    step = row.cells[0]
    forms = [None if form is None else _unfolded(algebra, form) for form in (step.z, step.r, step.h)]
    if forms[0] is None or forms[2] is None or (step.r is not None and forms[1] is None):
        return None
    changed: Cell = replace(step, z=forms[0], r=forms[1], h=forms[2])
    return None if changed == step else replace(row, cells=(changed,))


def _unfolded(algebra: Algebra, form: Form) -> Form | None:
    inputs: dict[int, list[Product]] = {}
    bias = form.bias
    for atom, products in form.inputs:
        poly = _computed(algebra, atom)
        if poly is None:
            inputs.setdefault(atom, []).extend(products)
            continue
        for factor, matrix in products:
            for mono, coefficient in poly.terms:
                if not any(mono):
                    made = algebra.linear(matrix, algebra.constant(coefficient))
                    bias = algebra.add(bias, algebra.scale(made, factor))
                    continue
                inner = algebra.atoms[mono[0]] if len(mono) == 1 else None
                if isinstance(inner, Leaf):
                    source, product = mono[0], matrix
                elif isinstance(inner, Lin) and not isinstance(coefficient, Vector):
                    joined = algebra.matrices.product(matrix, inner.matrix)
                    if joined is None:
                        return None
                    source, product = inner.atom, joined
                else:
                    return None
                if isinstance(coefficient, Vector):
                    if product.array is None:
                        return None
                    inputs.setdefault(source, []).append((factor, algebra.matrices.scaled(product, coefficient.data)))
                else:
                    inputs.setdefault(source, []).append((algebra.product_of(factor, coefficient), product))
    return replace(form, inputs=tuple((atom, tuple(products)) for atom, products in inputs.items()), bias=bias)
