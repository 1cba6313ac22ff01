"""Cells in a row: steps of one GRU, each on the state of the one before, with the same weights.

A first step whose state of zeros was folded away belongs to the row if it is what the row's step
makes of a state of zeros. An input that hangs on the row's own states makes no row: such a loop
feeds back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Stack
from gru_lower.passes.fuse_gru.recognition import masked_rows
from gru_lower.passes.fuse_gru.recognition.read_cell import Cell, MisfitError, read
from gru_lower.passes.fuse_gru.recognition.row import LAST, Offer, Row

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.interpreter.masks import Gated
    from gru_lower.passes.fuse_gru.recognition.read_cell import Form, Product


@dataclass(frozen=True)
class Miss:
    """What looked like a GRU's step and is none.

    Attributes:
        state: The polynomial that was read.
        reasons: What did not fit, one for each way to read it.
        home: The name of the value it is, or of the loop's first output; ``""`` for that of the polynomial.
        interpreter: The body it was read in, ``None`` for the scope itself.

    """

    state: Poly
    reasons: tuple[MisfitError, ...]
    home: str = ""
    interpreter: Interpreter | None = None


def rows(interpreter: Interpreter, *, shortest: int = 2) -> tuple[list[Row], list[Miss]]:
    """Find the rows of cells among the values of a scope.

    Args:
        interpreter: The scope, interpreted.
        shortest: How many steps a row has at least.

    """
    algebra = interpreter.algebra
    seen = _Readings(interpreter, all_of_them=shortest == 1)
    readings, misses, gates, given_out = seen.cells, seen.misses, seen.gates, seen.given_out
    whole = [cell for cells in readings.values() for cell in cells if cell.before is not None]
    after: dict[int, list[Cell]] = {}
    for cell in whole:
        assert cell.before is not None
        after.setdefault(cell.before, []).append(cell)
    made_by = {before: _maker(algebra, before, readings) for before in after}
    used: set[Poly] = set()
    found = []
    for cell in whole:
        assert cell.before is not None
        goes_on = any(other.before is not None and other.kernel == cell.kernel for other in made_by[cell.before])
        if cell.state in used or goes_on:
            continue
        row = [cell]
        used.add(cell.state)
        while (after_it := _next(algebra, row[-1], after, used)) is not None:
            row.append(after_it)
            used.add(after_it.state)
        row[:0] = [first for first in made_by[cell.before] if first.before is None and is_from_zeros(first, cell)][:1]
        if len(row) >= shortest:
            home = interpreter.homes[row[-1].state].name
            masking = tuple(gates[cell.state] for cell in row if cell.state in gates)
            last = given_out.get(row[-1].state)
            if last is not None and len(masking) == len(row) - 1:
                masking = (*masking, last)  # nobody asks for the state after the last step
            if len(masking) in (0, len(row)):
                kept = row[-1].state if row[-1].state in gates else None
                found.append(Row(tuple(row), len(row), row[0].before, home, None, masking, kept))
            else:
                misses.append(Miss(row[-1].state, (MisfitError("some of its steps have a mask, others have none"),)))
    return found, misses


class _Readings:
    """What the values of a scope are, of those that may be states.

    Args:
        interpreter: The scope.
        all_of_them: Whether values no matrix multiplies are read, too.

    Attributes:
        cells: Every way to read a value.
        misses: What did not fit.
        gates: The masks of states.
        given_out: The masks of steps that are only given out, by the step's state.

    """

    def __init__(self, interpreter: Interpreter, *, all_of_them: bool) -> None:
        self.interpreter, self.algebra = interpreter, interpreter.algebra
        self.cells: dict[Poly, list[Cell]] = {}
        self.misses: list[Miss] = []
        self.gates: dict[Poly, Gated] = {}
        self.given_out: dict[Poly, Gated] = {}
        # A state is looked at as a whole, as a matrix multiplies it in the next step; the last step's need not be.
        later: dict[int, list[Poly]] = {}
        for poly in interpreter.homes:
            if poly in self.algebra.whole or all_of_them:
                self._look(poly)
            else:
                for serial in _factors(self.algebra, poly) if poly.degree > 1 else ():
                    later.setdefault(serial, []).append(poly)
        read_on = {cell.before for cells in self.cells.values() for cell in cells}
        for state in [*self.cells, *(miss.state for miss in self.misses)]:
            atom = self.algebra.whole[state].atom if state in self.algebra.whole else None
            if atom is not None and atom not in read_on:
                for poly in later.get(atom, ()):
                    if poly not in self.cells:
                        self._look(poly)
        for poly, gate in self.gates.items():
            if poly in self.cells:
                self.cells.pop(gate.new, None)  # the step is taken only where the mask says so

    def _look(self, poly: Poly) -> None:
        cells, reasons = read(self.algebra, poly)
        held = None if cells else masked_rows.reading(self.interpreter, poly)
        if held is not None:
            cells = [replace(cell, state=poly) for cell in held.cells if cell.before == held.gate.before.atom]
            reasons = [] if held.cells else held.reasons
            if cells:
                self.gates[poly] = held.gate
            elif held.cells:
                self.given_out[held.gate.new] = held.gate  # an output, 0 past the length
        if cells:
            self.cells[poly] = cells
        elif reasons:
            self.misses.append(Miss(poly, tuple(reasons)))


def offers(algebra: Algebra, states: dict[Poly, tuple[int, int]], poly: Poly) -> Offer | None:
    """Tell which states a polynomial is: one of a row, or several of it stacked."""
    place = states.get(poly)
    if place is not None:
        return Offer(place[0], (place[1],), stacked=False)
    atom = None if poly.atom is None else algebra.atoms[poly.atom]
    if not isinstance(atom, Stack):
        return None
    places = [states.get(part) for part in atom.parts]
    numbers = {None if place is None else place[0] for place in places}
    number = numbers.pop()
    if numbers or number is None:
        return None
    times = tuple(place[1] for place in places if place is not None)
    return None if LAST in times else Offer(number, times, stacked=True)


def _factors(algebra: Algebra, poly: Poly) -> set[int]:
    """Return the atoms of a polynomial, and those of what it has as a whole."""
    found = {serial for mono, _ in poly.terms for serial in mono}
    for serial in list(found):
        inner = algebra.opened(algebra.of(serial))
        if len(inner.terms) == 1:
            found.update(inner.terms[0][0])
    return found


def _maker(algebra: Algebra, before: int, readings: dict[Poly, list[Cell]]) -> list[Cell]:
    atom = algebra.atoms[before]
    poly = algebra.defined.get(atom.source) if isinstance(atom, Leaf) else None
    return [] if poly is None else readings.get(poly, [])


def _next(algebra: Algebra, cell: Cell, after: dict[int, list[Cell]], used: set[Poly]) -> Cell | None:
    whole = algebra.whole.get(cell.state)
    if whole is None or whole.atom is None:
        return None
    candidates = after.get(whole.atom, [])
    return next((c for c in candidates if c.state not in used and c.kernel == cell.kernel), None)


def _equal(one: tuple[Product, ...], other: tuple[Product, ...]) -> bool:
    """Whether products are the same, or the same numbers with other factors."""
    if one == other:
        return True
    if len(one) != 1 or len(other) != 1:
        return False
    ((factor, matrix),), ((factor_o, matrix_o),) = one, other
    if matrix.array is None or matrix_o.array is None or matrix.shape != matrix_o.shape:
        return False
    if not isinstance(factor, float) or not isinstance(factor_o, float):
        return False
    return np.array_equal(factor * matrix.array.astype(np.float64), factor_o * matrix_o.array.astype(np.float64))


def is_from_zeros(first: Cell, cell: Cell) -> bool:
    """Whether a step without a state is what another makes of a state of zeros."""
    if (first.f, first.g, first.clip) != (cell.f, cell.g, cell.clip) or len(first.x) != len(cell.x):
        return False
    names = dict(zip(first.x, cell.x, strict=True))

    def same(one: Form | None, other: Form | None) -> bool:
        if one is None or other is None:
            return one is other
        inputs = {names[atom]: products for atom, products in one.inputs}
        others = dict(other.inputs)
        equal = all(_equal(inputs.get(atom, ()), products) for atom, products in others.items())
        return equal and inputs.keys() <= others.keys() and one.bias is other.bias

    if not same(first.z, cell.z) or not same(first.h, cell.h):
        return False
    if not cell.linear_before_reset or (cell.inner is not None and not cell.inner.bias.terms):
        return first.r is None
    return bool(first.linear_before_reset) and same(first.r, cell.r) and same(first.inner, cell.inner)
