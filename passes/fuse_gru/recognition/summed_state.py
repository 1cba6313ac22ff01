"""Find the recurrence of a loop whose state is the sum of two of the loop's states.

Ht_1 = a + b
a, b = ht, zt ∘ (Ht_1 - ht)
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, varying
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState, is_zeros
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells
from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop


def find_summed_state(
    interpreter: Interpreter, loop: InterpretedLoop, name: str
) -> tuple[Recurrence, tuple[int, int]] | None:
    """Find the GRU whose state is the sum of two of a loop's.

    Args:
        interpreter: The scope the loop stands in.
        loop: The loop.
        name: What it is called in reports.

    Returns:
        The recurrence and the places of the two states, ``None`` if there is none.

    """
    algebra = interpreter.algebra
    places = [
        place for place, state in enumerate(loop.states) if state.kind is StateKind.RECURRENT and place in loop.leaves
    ]
    for pair in combinations(places, 2):
        one, other = (_summand(interpreter, loop, place) for place in pair)
        if one is None or other is None:
            continue
        whole = algebra.atom_of.get(algebra.add(one.before, other.before))
        if whole is None or one.axis != other.axis:
            continue
        cells = read_cells(
            algebra, algebra.add(algebra.definition_of(one.after), algebra.definition_of(other.after))
        ).cells
        fitting = [cell for cell in cells if cell.previous == whole.atom]
        states = (loop.states[place] for place in pair)
        given = [state for state in states if not is_zeros(interpreter.value(state.initial))]
        if fitting and len(given) < 2:
            width = algebra.width_of(whole)
            initial = InitialState(given[0].initial, 0, width, one.axis) if given else None
            return Recurrence((fitting[0],), loop.trips, initial, name, loop), pair
    return None


class _Summand(NamedTuple):
    """A state of a loop that may be a summand.

    Attributes:
        before: Its polynomial going in.
        after: Its polynomial coming out.
        axis: The axis of its features.

    """

    before: Poly
    after: Poly
    axis: int


def _summand(interpreter: Interpreter, loop: InterpretedLoop, place: int) -> _Summand | None:
    known = loop.body.value(loop.states[place].result)
    if not isinstance(known, PolyTensor) or known.poly is None or FEATURES not in known.axes:
        return None
    axis = known.axes.index(FEATURES)
    try:
        before = with_feature_axis(interpreter.algebra, loop.leaves[place], axis, known.width)
    except NotUnderstoodError:
        return None
    if before.poly is None or varying(before.axes) != varying(known.axes):
        return None
    return _Summand(before.poly, known.poly, axis)
