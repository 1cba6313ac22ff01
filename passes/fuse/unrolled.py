"""Cells in a row: steps of one GRU, each on the state of the one before, with the same weights.

A first step whose state of zeros was folded away belongs to the row if it is what the row's step
makes of a state of zeros. An input that hangs on the row's own states makes no row: such a loop
feeds back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse import masked
from gru_lower.passes.fuse.algebra import Leaf, Stack
from gru_lower.passes.fuse.recognise import Cell, MisfitError, read
from gru_lower.passes.fuse.recurrence import LAST, Offer, Row

if TYPE_CHECKING:
    from gru_lower.passes.fuse.algebra import Algebra, Poly
    from gru_lower.passes.fuse.interpret import Interpreter
    from gru_lower.passes.fuse.masks import Gated


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
    readings, misses, gates, given_out = _readings(interpreter)
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


def _readings(
    interpreter: Interpreter,
) -> tuple[dict[Poly, list[Cell]], list[Miss], dict[Poly, Gated], dict[Poly, Gated]]:
    """Read every value: cells, misses, the masks of states, and those of steps that are only given out."""
    readings: dict[Poly, list[Cell]] = {}
    misses: list[Miss] = []
    gates: dict[Poly, Gated] = {}
    given_out: dict[Poly, Gated] = {}
    for poly in interpreter.homes:
        cells, reasons = read(interpreter.algebra, poly)
        held = None if cells else masked.reading(interpreter, poly)
        if held is not None:
            cells = [replace(cell, state=poly) for cell in held.cells if cell.before == held.gate.before.atom]
            reasons = [] if held.cells else held.reasons
            if cells:
                gates[poly] = held.gate
            elif held.cells:
                given_out[held.gate.new] = held.gate  # an output, 0 past the length
        if cells:
            readings[poly] = cells
        elif reasons:
            misses.append(Miss(poly, tuple(reasons)))
    for poly, gate in gates.items():
        if poly in readings:
            readings.pop(gate.new, None)  # the step is taken only where the mask says so
    return readings, misses, gates, given_out


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


def is_from_zeros(first: Cell, cell: Cell) -> bool:
    """Whether a step without a state is what another makes of a state of zeros."""
    if (first.f, first.g, first.clip) != (cell.f, cell.g, cell.clip) or len(first.x) != len(cell.x):
        return False
    names = dict(zip(first.x, cell.x, strict=True))

    def same(one: object, other: object) -> bool:
        if one is None or other is None:
            return one is other
        inputs = {names[atom]: products for atom, products in one.inputs}  # type: ignore[attr-defined]
        return inputs == dict(other.inputs) and one.bias is other.bias  # type: ignore[attr-defined]

    if not same(first.z, cell.z) or not same(first.h, cell.h):
        return False
    if not cell.linear_before_reset or (cell.inner is not None and not cell.inner.bias.terms):
        return first.r is None
    return bool(first.linear_before_reset) and same(first.r, cell.r) and same(first.inner, cell.inner)
