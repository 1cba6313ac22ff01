"""A first step on a state that is a constant, such as a learned one, which was folded into the step.

    Ht_1 = c:   zt = f(Xt Wzᵀ + k),  k = c Rzᵀ + bz in numbers
                Ht = ht + zt ∘ (c - ht)

What was folded was rounded, by whoever folded it: numbers are compared within the last bits of a float32, all else as
it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, FIRST
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.algebra.matrices import digest
from gru_lower.passes.fuse_gru.algebra.polynomials import numbers_of
from gru_lower.passes.fuse_gru.algebra.sources import ConstantArray
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.gate_functions import read_gate
from gru_lower.passes.fuse_gru.recognition.nested_loop_inputs import with_inputs
from gru_lower.passes.fuse_gru.recognition.pre_activation import read_pre_activation
from gru_lower.passes.fuse_gru.recognition.step_polynomial import step_polynomial
from gru_lower.passes.fuse_gru.recognition.update_gate import gates_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly
    from gru_lower.passes.fuse_gru.recognition.cell import Cell

ROUNDED = 2.0**-20
"""How much numbers that were folded may differ, of the largest among them: some last bits of a float32."""


class FirstStep(NamedTuple):
    """A step on a constant state.

    Attributes:
        cell: The step.
        initial: The atom of the constant.

    """

    cell: Cell
    initial: int


def first_step_on_constant(algebra: Algebra, cell: Cell) -> FirstStep | None:
    """Return the step that makes the state of another one, if it is the same on a constant state; else ``None``.

    Args:
        algebra: The tables.
        cell: The second step, which reads its state.

    """
    atom = None if cell.previous is None else algebra.atoms[cell.previous]
    state = algebra.definitions.get(atom.source) if isinstance(atom, Leaf) else None
    if state is None or cell.clip is not None:
        return None
    try:
        folded = _with_numbers(algebra, state)
    except TooLargeError:
        return None
    for update, constant in _constant_blends(algebra, folded):
        try:
            read = read_gate(algebra, update, "the update gate")
            z = read_pre_activation(algebra, read.pre_activation, None, "the update gate")
            own = {known: mine for known, rows in cell.z.inputs for mine, same in z.inputs if same == rows}
            if own.keys() != {known for known, _ in cell.z.inputs} or z.state:
                continue
            first = replace(with_inputs(cell, own), state=state, previous=None)
            if _is_near(algebra, step_polynomial(algebra, first, constant), folded):
                return FirstStep(first, _leaf_of(algebra, constant, algebra.width_of(state), cell))
        except (MismatchError, TooLargeError):
            continue
    return None


def _with_numbers(algebra: Algebra, poly: Poly) -> Poly:
    """Return a polynomial with the numbers of constants that are leaves: only a part of a step may have been folded.

    Raises:
        TooLargeError: It has too many terms then.

    """
    terms = []
    for mono, factor in poly.terms:
        term = algebra.constant(factor)
        for serial in filter(None, mono):
            term = algebra.mul(term, _atom_with_numbers(algebra, serial))
        terms.append(term)
    return algebra.add(*terms)


def _atom_with_numbers(algebra: Algebra, serial: int) -> Poly:
    match algebra.atoms[serial]:
        case Leaf() as leaf if leaf.source in algebra.constant_states:
            array = algebra.constant_states[leaf.source]
            if array.size == array.shape[-1]:
                return algebra.constant(algebra.coefficient(array.reshape(-1)[leaf.lo : leaf.hi]))
        case Leaf() as leaf if leaf.source in algebra.definitions:
            definition = algebra.definitions[leaf.source]
            made = _with_numbers(algebra, definition) if _holds_constant(algebra, definition) else definition
            return algebra.poly_of(serial) if made is definition else made
        case Function() as function:
            arguments = [_with_numbers(algebra, each) for each in function.arguments]
            return algebra.function(function.op, *arguments, parameters=function.parameters)
        case MatrixProduct() as product:
            inner = _atom_with_numbers(algebra, product.atom)
            if inner is not algebra.poly_of(product.atom):
                return algebra.matrix_product(product.matrix, inner)
    return algebra.poly_of(serial)


def _holds_constant(algebra: Algebra, poly: Poly) -> bool:
    """Whether a constant that is a leaf is a factor of a polynomial: r ∘ c."""
    atoms = [algebra.atoms[serial] for mono, _ in poly.terms for serial in mono]
    return any(isinstance(atom, Leaf) and atom.source in algebra.constant_states for atom in atoms)


def _constant_blends(algebra: Algebra, state: Poly) -> Iterator[tuple[Poly, Poly]]:
    """Yield each gate that may blend a constant and a candidate, with the constant."""
    for serial in gates_in(algebra, state):
        parts = split_linear(algebra, state, serial)
        if parts is None:
            continue
        without, times = parts
        gate, both = algebra.poly_of(serial), algebra.add(without, times)
        if _is_constant(both):
            yield gate, both
        if _is_constant(without):
            yield algebra.complement(gate), without


def _is_constant(poly: Poly) -> bool:
    return bool(poly.terms) and not any(any(mono) for mono, _ in poly.terms)


def _leaf_of(algebra: Algebra, constant: Poly, width: int, cell: Cell) -> int:
    """Return the atom of a constant state, (1, H)."""
    matrix = cell.z.state[0].matrix.array
    numbers = sum(np.broadcast_to(numbers_of(factor), (width,)) for _, factor in constant.terms)
    array = np.asarray(numbers, np.float32 if matrix is None else matrix.dtype).reshape(1, width)
    source = ConstantArray(array.dtype.str, array.shape, digest(array))
    algebra.constants[source] = array
    algebra.source_dims[source] = array.shape
    return algebra.serial_of(Leaf(source, (FIRST, FEATURES), 0, width))


def _is_near(algebra: Algebra, one: Poly, other: Poly) -> bool:
    """Whether two polynomials are the same but for the last bits of their numbers."""
    if one is other:
        return True
    rest = list(other.terms)
    for mono, factor in one.terms:
        found = next((term for term in rest if _are_near(algebra, mono, term[0]) and _fits(factor, term[1])), None)
        if found is None:
            return False
        rest.remove(found)
    return not rest


def _fits(one: object, other: object) -> bool:
    left, right = (np.asarray(numbers_of(each), np.float64) for each in (one, other))  # type: ignore[arg-type]
    largest = max(1.0, float(np.abs(left).max(initial=0)), float(np.abs(right).max(initial=0)))
    return left.shape == right.shape and bool((np.abs(left - right) <= ROUNDED * largest).all())


def _are_near(algebra: Algebra, one: Monomial, other: Monomial) -> bool:
    left, right = [list(filter(None, mono)) for mono in (one, other)]
    if len(left) != len(right):
        return False
    for serial in left:
        found = next((each for each in right if _atoms_are_near(algebra, serial, each)), None)
        if found is None:
            return False
        right.remove(found)
    return True


def _atoms_are_near(algebra: Algebra, one: int, other: int) -> bool:
    if one == other:
        return True
    match algebra.atoms[one], algebra.atoms[other]:
        case Function() as left, Function() as right:
            pairs = zip(left.arguments, right.arguments, strict=False)
            same = (left.op, left.parameters) == (right.op, right.parameters)
            return same and all(_is_near(algebra, a, b) for a, b in pairs)
        case MatrixProduct() as left, MatrixProduct() as right:
            return left.matrix is right.matrix and _atoms_are_near(algebra, left.atom, right.atom)
        case Leaf() as left, Leaf() as right:
            pair = [algebra.definitions.get(leaf.source) for leaf in (left, right)]
            whole = left._replace(source=None) == right._replace(source=None)
            return whole and pair[0] is not None and pair[1] is not None and _is_near(algebra, pair[0], pair[1])
    return False
