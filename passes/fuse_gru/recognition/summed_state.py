"""Find the recurrences of a loop whose states are the sums of two of the loop's states each.

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


class SummedStates(NamedTuple):
    """GRUs whose states are the sum of two of a loop's.

    Attributes:
        recurrences: One for each stretch that lies side by side in the two.
        places: The places of the two.

    """

    recurrences: list[Recurrence]
    places: tuple[int, int]


def find_summed_states(interpreter: Interpreter, loop: InterpretedLoop, name: str) -> list[SummedStates]:
    """Find the GRUs whose state is the sum of two of a loop's, for every two states that are the summands of one.

    Args:
        interpreter: The scope the loop stands in.
        loop: The loop.
        name: What it is called in reports.

    """
    summands = {
        place: _summand(interpreter, loop, place)
        for place, state in enumerate(loop.states)
        if state.kind is StateKind.RECURRENT and place in loop.leaves
    }
    found: list[SummedStates] = []
    for pair in combinations(summands, 2):
        one, other = (summands[place] for place in pair)
        taken = any(place in each.places for each in found for place in pair)
        if one is not None and other is not None and not taken:
            recurrences = _grus_of_sum(interpreter, loop, name, pair, one, other)
            found += [SummedStates(recurrences, pair)] if recurrences else []
    return found


def _grus_of_sum(
    interpreter: Interpreter, loop: InterpretedLoop, name: str, pair: tuple[int, int], one: _Summand, other: _Summand
) -> list[Recurrence]:
    """Return the GRUs whose state is the sum of two states, none if a stretch of it is no GRU's."""
    states = (loop.states[place] for place in pair)
    given = [state for state in states if not is_zeros(interpreter.value(state.initial))]
    if len(given) > 1 or (one.axis, len(one.stretches)) != (other.axis, len(other.stretches)):
        return []
    found, edge = [], 0
    for a, b in zip(one.stretches, other.stretches, strict=True):
        cell = _cell_of_sum(interpreter.algebra, a, b)
        if cell is None:
            return []
        initial = InitialState(given[0].initial, edge, edge + a.width, one.axis) if given else None
        found.append(Recurrence((cell,), loop.trips, initial, name, loop))
        edge += a.width
    return found


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
