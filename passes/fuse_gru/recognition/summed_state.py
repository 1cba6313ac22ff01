"""A state that a loop carries in two summands, which a step adds first thing.

Ht_1 = a + b
a, b = ht, zt ∘ (Ht_1 - ht)
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, varying
from gru_lower.passes.fuse_gru.recognition.read_cell import read
from gru_lower.passes.fuse_gru.recognition.row import Initial, Row
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value, refeature

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.read_loop import Carrier, State


def row(interpreter: Interpreter, carrier: Carrier, home: str) -> tuple[Row, tuple[int, int]] | None:
    """Find the GRU whose state is the sum of two of a loop's.

    Args:
        interpreter: The scope the loop stands in.
        carrier: The loop.
        home: What stands for it in reports.

    Returns:
        The row and the places of the two states, ``None`` if there is none.

    """
    algebra = interpreter.algebra
    places = [place for place, state in enumerate(carrier.states) if state.kind == "state" and place in carrier.leaves]
    for pair in combinations(places, 2):
        parts = [_before_and_after(interpreter, carrier, place) for place in pair]
        if None in parts:
            continue
        (before_a, after_a, axis), (before_b, after_b, other) = parts  # type: ignore[misc]
        whole = algebra.whole.get(algebra.add(before_a, before_b))
        if whole is None or axis != other:
            continue
        cells, _ = read(algebra, algebra.add(algebra.opened(after_a), algebra.opened(after_b)))
        fitting = [cell for cell in cells if cell.before == whole.atom]
        given = [state for state in (carrier.states[place] for place in pair) if not _is_zero(interpreter, state)]
        if fitting and len(given) < 2:
            start = Initial(given[0].initial, 0, algebra.width_of(whole), axis) if given else None
            return Row((fitting[0],), carrier.trips, start, home, carrier), pair
    return None


def _before_and_after(interpreter: Interpreter, carrier: Carrier, place: int) -> tuple[Poly, Poly, int] | None:
    known = carrier.body.value(carrier.states[place].result)
    if not isinstance(known, Value) or known.poly is None or FEATURES not in known.axes:
        return None
    axis = known.axes.index(FEATURES)
    try:
        before = refeature(interpreter.algebra, carrier.leaves[place], axis, known.width)
    except NotUnderstoodError:
        return None
    if before.poly is None or varying(before.axes) != varying(known.axes):
        return None
    return before.poly, known.poly, axis


def _is_zero(interpreter: Interpreter, state: State) -> bool:
    initial = interpreter.value(state.initial)
    return isinstance(initial, Const) and initial.array.dtype != object and not initial.array.any()
