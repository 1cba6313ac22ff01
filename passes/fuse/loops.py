"""The rows of cells that Loops and Scans carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse import unread
from gru_lower.passes.fuse.after import Left
from gru_lower.passes.fuse.recognise import MisfitError, read
from gru_lower.passes.fuse.recurrence import Initial, Offer, Row
from gru_lower.passes.fuse.unrolled import Miss
from gru_lower.passes.fuse.values import Const, NotUnderstoodError, Value, refeature

if TYPE_CHECKING:
    from gru_lower.passes.fuse.algebra import Algebra, Poly
    from gru_lower.passes.fuse.carriers import Carrier, State
    from gru_lower.passes.fuse.interpret import Interpreter


def rows(interpreter: Interpreter) -> tuple[list[Row], list[Miss]]:
    """Find the recurrences of a scope's loops that are GRUs."""
    found: list[Row] = []
    misses: list[Miss] = []
    for carrier in interpreter.carriers.values():
        for place, state in enumerate(carrier.states):
            if state.kind == "state" and place in carrier.leaves:
                rows_of_state, missed = _state(interpreter, carrier, state, carrier.leaves[place])
                found += rows_of_state
                misses += missed or ([] if rows_of_state else _unread(interpreter, carrier, state))
    for index in interpreter.unread:
        if unread.closed(interpreter, index):
            reason = MisfitError("how often its steps are taken is not known, or in what order")
            home = next(name for name in interpreter.scope.nodes[index].output if name)
            misses.append(Miss(interpreter.algebra.zero, (reason,), home))
    return found, misses


def _state(interpreter: Interpreter, carrier: Carrier, state: State, given: Value) -> tuple[list[Row], list[Miss]]:
    algebra = interpreter.algebra
    known = carrier.body.value(state.result)
    if not isinstance(known, Value) or ("f",) not in known.axes:
        return [], []
    try:
        given = refeature(algebra, given, known.axes.index(("f",)), known.width)
    except NotUnderstoodError:
        return [], []
    initial = interpreter.value(state.initial)
    zeros = isinstance(initial, Const) and initial.array.dtype != object and not initial.array.any()
    found, misses, edge = [], [], 0
    for width, poly in ((width, algebra.opened(poly)) for width, poly in known.pieces):
        before = algebra.part(given.pieces[0][1], edge, edge + width, known.width).atom
        cells, reasons = read(algebra, poly)
        fitting = [cell for cell in cells if cell.before == before]
        if not _same_place(given, known):
            reasons, fitting = [*reasons, MisfitError("the state's axes move from step to step")], []
        if fitting:
            start = None if zeros else Initial(state.initial, edge, edge + width, given.axes.index(("f",)))
            found.append(Row((fitting[0],), carrier.trips, start, _home(interpreter, carrier), carrier))
        elif reasons:
            misses.append(Miss(poly, tuple(reasons), _home(interpreter, carrier), carrier.body))
        elif _reads(algebra, poly, before):
            reason = MisfitError("the new state is not one gate's blend of the old one and a candidate")
            misses.append(Miss(poly, (reason,), _home(interpreter, carrier), carrier.body))
        edge += width
    return found, misses


def _unread(interpreter: Interpreter, carrier: Carrier, state: State) -> list[Miss]:
    why = unread.stopped(carrier.body, state.inner, state.result)
    home = _home(interpreter, carrier)
    return [] if why is None else [Miss(interpreter.algebra.zero, (MisfitError(why),), home, carrier.body)]


def _reads(algebra: Algebra, poly: Poly, atom: int | None) -> bool:
    """Whether a polynomial multiplies a state by something: a recurrence, if not this one."""
    return any(len(mono) > 1 and atom in mono for mono, _ in poly.terms) and algebra.width_of(poly) > 0


def _same_place(given: Value, known: Value) -> bool:
    """Whether a state comes out with its axes where they were; an axis of length 1 may have been repeated."""
    return len(given.axes) == len(known.axes) and all(
        one in (other, ()) for one, other in zip(given.axes, known.axes, strict=True)
    )


def _home(interpreter: Interpreter, carrier: Carrier) -> str:
    return str(next(name for name in interpreter.scope.nodes[carrier.index].output if name))


def offers(interpreter: Interpreter, rows: list[Row], states: dict[Poly, tuple[int, int]]) -> dict[Poly, Offer]:
    """Return what the loops leave behind that is a state of a row, or all of them."""
    found: dict[Poly, Offer] = {}
    for source, poly in interpreter.algebra.defined.items():
        if not isinstance(source, Left):
            continue
        carrier = next((c for c in interpreter.carriers.values() if c.body.scope.path == source.path), None)
        if carrier is None:
            continue
        known = _computed(carrier, source)
        if known is None or source.piece >= len(known.pieces):
            continue
        place = states.get(known.pieces[source.piece][1])
        if place is not None and rows[place[0]].carrier is carrier:
            found[poly] = Offer(place[0], None, source.stacked, source.turned)
    return found


def _computed(carrier: Carrier, source: Left) -> Value | None:
    for state in carrier.states:
        if state.result == source.name and source.stacked and state.collects is not None:
            known = state.collects[0]
            return known if isinstance(known, Value) else None
    known = carrier.body.value(source.name)
    return known if isinstance(known, Value) else None
