"""Tell which outputs of a Loop or Scan are states of its recurrences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, whole
from gru_lower.passes.fuse_gru.interpreter import masks
from gru_lower.passes.fuse_gru.interpreter.masked_updates import masked_updates
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.loops.loop_outputs import LoopOutput
from gru_lower.passes.fuse_gru.recognition import sequence_lens_of_mask
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState
from gru_lower.passes.fuse_gru.recognition.states_in_values import LAST, StateSelection
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StatePlace


def states_in_loop_outputs(
    interpreter: Interpreter, recurrences: list[Recurrence], places: dict[Poly, StatePlace]
) -> dict[Poly, StateSelection]:
    """Return the outputs of a scope's loops that are a state of a recurrence, or all of them.

    Args:
        interpreter: The scope.
        recurrences: Its recurrences.
        places: The place of every state.

    """
    found: dict[Poly, StateSelection] = {}
    for source, poly in interpreter.algebra.definitions.items():
        if not isinstance(source, LoopOutput):
            continue
        loop = next((loop for loop in interpreter.loops.values() if loop.body.scope.path == source.path), None)
        if loop is None:
            continue
        if source.of_state:
            number = _recurrence_of(interpreter.algebra, recurrences, loop, source)
            if number is not None:
                found[poly] = StateSelection(number, None, stacked=True, backwards=source.reverse)
            continue
        known = _computed_in_body(loop, source)
        if known is None or source.piece >= len(known.pieces):
            continue
        selection = _states_computed(recurrences, loop, places, known.pieces[source.piece][1], source)
        if selection is not None:
            found[poly] = selection
    for number, recurrence in enumerate(recurrences):
        unmasked = recurrence.loop is not None and not recurrence.masks
        previous = recurrence.last_cell.previous if unmasked else None
        last = None if previous is None else interpreter.algebra.at_final_states(interpreter.algebra.poly_of(previous))
        if last is not None:
            found[last] = StateSelection(number, None, stacked=False)
    return found


def states_read_backwards(
    algebra: Algebra, found: dict[Poly, StateSelection], recurrences: list[Recurrence], poly: Poly
) -> StateSelection | None:
    """Return the states that a polynomial is where it reads all of a recurrence's from the last to the first.

    Args:
        algebra: The tables.
        found: The loops' outputs that are states.
        recurrences: The recurrences of the scope.
        poly: The polynomial.

    """
    leaf = None if poly.atom is None else algebra.atoms[poly.atom]
    if not isinstance(leaf, Leaf) or not isinstance(leaf.source, LoopOutput):
        return None
    selection = found.get(algebra.definitions[leaf.source])
    if selection is None or not selection.stacked:
        return None
    backwards = ReadAlong(0, recurrences[selection.recurrence].steps - 1, -1)
    straight = algebra.poly_of_atom(leaf._replace(axes=(whole(0), *leaf.axes[1:])))
    if leaf.axes[0] != backwards or straight is not algebra.definitions[leaf.source]:
        return None
    return selection._replace(backwards=not selection.backwards)


def _recurrence_of(
    algebra: Algebra, recurrences: list[Recurrence], loop: InterpretedLoop, source: LoopOutput
) -> int | None:
    """Return the recurrence whose states after each step a value is."""
    computed = algebra.body_values[source]
    previous = algebra.atom_of.get(computed, computed).atom
    for number, recurrence in enumerate(recurrences):
        own = recurrence.loop is loop and not recurrence.masks and recurrence.last_cell.previous == previous
        if source.of_state == "after" and own:
            return number
    return None


def _states_computed(
    recurrences: list[Recurrence],
    loop: InterpretedLoop,
    places: dict[Poly, StatePlace],
    computed: Poly,
    source: LoopOutput,
) -> StateSelection | None:
    """Return the states that an output is of which the body computes a polynomial in every step."""
    once = masks.reduce_all_powers(loop.body, computed)
    place = places.get(computed) or places.get(once)
    if place is not None and recurrences[place.recurrence].loop is loop:
        fits = source.stacked == (place.time != LAST) or not recurrences[place.recurrence].masks
        if fits:
            return StateSelection(place.recurrence, None, source.stacked, source.reverse)
    return _repeated_outputs(recurrences, loop, once, source)


def _repeated_outputs(
    recurrences: list[Recurrence], loop: InterpretedLoop, computed: Poly, source: LoopOutput
) -> StateSelection | None:
    """Return the states that an output is whose masked steps repeat the output of the one before."""
    for number, recurrence in enumerate(recurrences):
        if recurrence.loop is not loop or not sequence_lens_of_mask.needs_promise(recurrence):
            continue
        repeating = _repeating_states(recurrence)
        if recurrence.last_state is computed and source.stacked:
            initial = recurrence.initial.name if isinstance(recurrence.initial, InitialState) else ""
            return StateSelection(number, None, stacked=True, backwards=source.reverse, repeated_initial=initial)
        if computed in repeating:
            return StateSelection(number, None, source.stacked, source.reverse, repeating[computed])
    return None


def _repeating_states(recurrence: Recurrence) -> dict[Poly, str]:
    """Return the loop's other states that repeat the last output, with the name of the initial value of each."""
    found: dict[Poly, str] = {}
    loop = recurrence.loop
    if loop is None or not recurrence.masks:
        return found
    for place, state in enumerate(loop.states):
        known = loop.body.value(state.result)
        given = loop.leaves.get(place)
        if state.kind is not StateKind.RECURRENT or given is None or not isinstance(known, PolyTensor):
            continue
        for _, poly in known.pieces:
            for mask in masked_updates(loop.body, poly):
                own = recurrence.masks[0]
                same = mask.new is own.new and mask.mask == own.mask and mask.live == own.live
                if same and mask.before is not own.before and mask.before is given.pieces[0][1]:
                    found[masks.reduce_all_powers(loop.body, poly)] = state.initial
    return found


def _computed_in_body(loop: InterpretedLoop, source: LoopOutput) -> PolyTensor | None:
    """Return the value of the body that an output is in every step."""
    for state in loop.states:
        if state.result == source.name and source.stacked and state.buffer is not None:
            known = state.buffer.known
            return known if isinstance(known, PolyTensor) else None
    known = loop.body.value(source.name)
    return known if isinstance(known, PolyTensor) else None
