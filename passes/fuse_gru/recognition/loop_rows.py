"""The rows of cells that Loops and Scans carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, ReadAlong, whole
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.interpreter import masks
from gru_lower.passes.fuse_gru.loops.loop_outputs import Left
from gru_lower.passes.fuse_gru.recognition import masked_rows, summed_state, unread_recurrences
from gru_lower.passes.fuse_gru.recognition.read_cell import MisfitError, read
from gru_lower.passes.fuse_gru.recognition.row import LAST, Initial, Offer, Row
from gru_lower.passes.fuse_gru.recognition.unrolled_rows import Miss
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value, refeature

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.read_loop import Carrier, State


def rows(interpreter: Interpreter) -> tuple[list[Row], list[Miss]]:
    """Find the recurrences of a scope's loops that are GRUs."""
    found: list[Row] = []
    misses: list[Miss] = []
    for carrier in interpreter.carriers.values():
        summed = summed_state.row(interpreter, carrier, _home(interpreter, carrier))
        found += [summed[0]] if summed else []
        for place, state in enumerate(carrier.states):
            if state.kind == "state" and place in carrier.leaves and not (summed and place in summed[1]):
                rows_of_state, missed = _state(interpreter, carrier, state, carrier.leaves[place])
                found += rows_of_state
                misses += missed or ([] if rows_of_state else _unread(interpreter, carrier, state))
    for index in interpreter.unread:
        if unread_recurrences.closed(interpreter, index):
            reason = MisfitError("how often its steps are taken is not known, or in what order")
            home = next(name for name in interpreter.scope.nodes[index].output if name)
            misses.append(Miss(interpreter.algebra.zero, (reason,), home))
    return found, misses


def _state(interpreter: Interpreter, carrier: Carrier, state: State, given: Value) -> tuple[list[Row], list[Miss]]:
    algebra = interpreter.algebra
    known = carrier.body.value(state.result)
    if not isinstance(known, Value) or FEATURES not in known.axes:
        return [], []
    try:
        given = refeature(algebra, given, known.axes.index(FEATURES), known.width)
    except NotUnderstoodError:
        return [], []
    initial = interpreter.value(state.initial)
    zeros = isinstance(initial, Const) and initial.array.dtype != object and not initial.array.any()
    found, misses, edge = [], [], 0
    for width, poly in ((width, algebra.opened(poly)) for width, poly in known.pieces):
        before = algebra.part(given.pieces[0][1], edge, edge + width, known.width).atom
        held = masked_rows.reading(carrier.body, poly, before)
        cells, reasons = read(algebra, poly) if held is None else (held.cells, held.reasons)
        fitting = [cell for cell in cells if cell.before == before]
        if not _same_place(given, known):
            reasons, fitting = [*reasons, MisfitError("the state's axes move from step to step")], []
        if fitting:
            start = None if zeros else Initial(state.initial, edge, edge + width, given.axes.index(FEATURES))
            masking = () if held is None else (held.gate,)
            kept = None if held is None else masks.canonical(carrier.body, poly)
            found.append(Row((fitting[0],), carrier.trips, start, _home(interpreter, carrier), carrier, masking, kept))
        elif cells and held is not None:
            pass  # it repeats what another state's step makes
        elif reasons:
            misses.append(Miss(poly, tuple(reasons), _home(interpreter, carrier), carrier.body))
        elif _reads(algebra, poly, before):
            reason = MisfitError("the new state is not one gate's blend of the old one and a candidate")
            misses.append(Miss(poly, (reason,), _home(interpreter, carrier), carrier.body))
        edge += width
    return found, misses


def _unread(interpreter: Interpreter, carrier: Carrier, state: State) -> list[Miss]:
    why = unread_recurrences.stopped(carrier.body, state.inner, state.result)
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
        if source.of_state:
            number = _of_states(interpreter.algebra, rows, carrier, source)
            if number is not None:
                found[poly] = Offer(number, None, stacked=True, turned=source.turned)
            continue
        known = _computed(carrier, source)
        if known is None or source.piece >= len(known.pieces):
            continue
        computed = known.pieces[source.piece][1]
        offer = _given(rows, carrier, states, computed, source)
        if offer is not None:
            found[poly] = offer
    for number, row in enumerate(rows):
        before = None if row.carrier is None or row.masking else row.kernel.before
        last = None if before is None else interpreter.algebra.ended(interpreter.algebra.of(before))
        if last is not None:
            found[last] = Offer(number, None, stacked=False)
    return found


def _of_states(algebra: Algebra, rows: list[Row], carrier: Carrier, source: Left) -> int | None:
    """Return the row whose states after each step a value is."""
    computed = algebra.computed[source]
    before = algebra.whole.get(computed, computed).atom
    for number, row in enumerate(rows):
        if source.of_state == "after" and row.carrier is carrier and not row.masking and row.kernel.before == before:
            return number
    return None


def _given(
    rows: list[Row], carrier: Carrier, states: dict[Poly, tuple[int, int]], computed: Poly, source: Left
) -> Offer | None:
    once = masks.canonical(carrier.body, computed)
    place = states.get(computed) or states.get(once)
    if place is not None and rows[place[0]].carrier is carrier:
        fits = source.stacked == (place[1] != LAST) or not rows[place[0]].masking
        if fits:
            return Offer(place[0], None, source.stacked, source.turned)
    return _repeated(rows, carrier, once, source)


def turned(algebra: Algebra, found: dict[Poly, Offer], rows: list[Row], poly: Poly) -> Offer | None:
    """Return what a row has to offer where all its states are read from the last to the first."""
    leaf = None if poly.atom is None else algebra.atoms[poly.atom]
    if not isinstance(leaf, Leaf) or not isinstance(leaf.source, Left):
        return None
    offer = found.get(algebra.defined[leaf.source])
    if offer is None or not offer.stacked:
        return None
    start = whole(0)
    backwards = ReadAlong(0, rows[offer.row].steps - 1, -1)
    straight = algebra.atom(leaf._replace(axes=(start, *leaf.axes[1:])))
    if leaf.axes[0] != backwards or straight is not algebra.defined[leaf.source]:
        return None
    return offer._replace(turned=not offer.turned)


def _repeated(rows: list[Row], carrier: Carrier, computed: Poly, source: Left) -> Offer | None:
    """Return what a row has to offer whose masked steps repeat the output of the one before."""
    for number, row in enumerate(rows):
        if row.carrier is not carrier or not masked_rows.is_promised(row):
            continue
        repeating = masked_rows.followers(row)
        if row.kept is computed and source.stacked:
            repeats = row.before.name if isinstance(row.before, Initial) else ""
            return Offer(number, None, stacked=True, turned=source.turned, repeats=repeats)
        if computed in repeating:
            return Offer(number, None, source.stacked, source.turned, repeating[computed])
    return None


def _computed(carrier: Carrier, source: Left) -> Value | None:
    for state in carrier.states:
        if state.result == source.name and source.stacked and state.collects is not None:
            known = state.collects[0]
            return known if isinstance(known, Value) else None
    known = carrier.body.value(source.name)
    return known if isinstance(known, Value) else None
