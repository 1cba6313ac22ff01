"""Find the recurrences of a loop whose state is the sum of two of the loop's states.

Ht_1 = a + b
a, b = ht, zt ∘ (Ht_1 - ht)
"""

from __future__ import annotations

from itertools import accumulate, combinations
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, varying
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.views import feature_range
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState, is_zeros
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells
from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.recognition.cell import Cell


def find_summed_state(
    interpreter: Interpreter, loop: InterpretedLoop, name: str
) -> tuple[list[Recurrence], tuple[int, int]] | None:
    """Find the GRUs whose state is the sum of two of a loop's; one for each stretch that lies side by side in them.

    Args:
        interpreter: The scope the loop stands in.
        loop: The loop.
        name: What it is called in reports.

    Returns:
        The recurrences and the places of the two states, ``None`` if there is none.

    """
    places = [
        place for place, state in enumerate(loop.states) if state.kind is StateKind.RECURRENT and place in loop.leaves
    ]
    for pair in combinations(places, 2):
        one, other = (_summand(interpreter, loop, place) for place in pair)
        states = (loop.states[place] for place in pair)
        given = [state for state in states if not is_zeros(interpreter.value(state.initial))]
        if one is None or other is None or len(given) > 1:
            continue
        if (one.axis, len(one.stretches)) != (other.axis, len(other.stretches)):
            continue
        found, edge = [], 0
        for a, b in zip(one.stretches, other.stretches, strict=True):
            cell = _cell_of_sum(interpreter.algebra, a, b)
            if cell is None:
                break
            initial = InitialState(given[0].initial, edge, edge + a.width, one.axis) if given else None
            found.append(Recurrence((cell,), loop.trips, initial, name, loop))
            edge += a.width
        if found and len(found) == len(one.stretches):
            return found, pair
    return None


def _cell_of_sum(algebra: Algebra, one: _Stretch, other: _Stretch) -> Cell | None:
    """Return the cell whose state is the sum of two stretches, ``None`` if there is none."""
    whole = algebra.atom_of.get(algebra.add(one.before, other.before))
    if whole is None or one.width != other.width:
        return None
    after = algebra.add(algebra.definition_of(one.after), algebra.definition_of(other.after))
    return next((cell for cell in read_cells(algebra, after).cells if cell.previous == whole.atom), None)


class _Stretch(NamedTuple):
    """A stretch of the features of a state that may be a summand.

    Attributes:
        width: How many features it has.
        before: Its polynomial going in.
        after: Its polynomial coming out.

    """

    width: int
    before: Poly
    after: Poly


class _Summand(NamedTuple):
    """A state of a loop that may be a summand.

    Attributes:
        stretches: What lies side by side in it.
        axis: The axis of its features.

    """

    stretches: tuple[_Stretch, ...]
    axis: int


def _summand(interpreter: Interpreter, loop: InterpretedLoop, place: int) -> _Summand | None:
    algebra = interpreter.algebra
    known = loop.body.value(loop.states[place].result)
    if not isinstance(known, PolyTensor) or FEATURES not in known.axes:
        return None
    axis = known.axes.index(FEATURES)
    try:
        before = with_feature_axis(algebra, loop.leaves[place], axis, known.width)
    except NotUnderstoodError:
        return None
    if before.poly is None or varying(before.axes) != varying(known.axes):
        return None
    ends = accumulate(width for width, _ in known.pieces)
    stretches = (
        _Stretch(width, feature_range(algebra, before.poly, end - width, end, known.width), after)
        for (width, after), end in zip(known.pieces, ends, strict=True)
    )
    return _Summand(tuple(stretches), axis)
