"""Find the recurrences of Loops and Scans that are GRUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.views import feature_range
from gru_lower.passes.fuse_gru.interpreter import masks
from gru_lower.passes.fuse_gru.loops import trip_count
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.reasons.explain_step import is_lstm
from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep
from gru_lower.passes.fuse_gru.reasons.update_share import NO_BLEND
from gru_lower.passes.fuse_gru.recognition import projected_input, summed_state, unreadable_recurrences
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState, is_zeros
from gru_lower.passes.fuse_gru.recognition.masked_step import read_masked_step
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells
from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
from gru_lower.passes.fuse_gru.recognition.rejection_reason import Rejection
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop, LoopState

NOT_COUNTED = "how often its steps are taken is not known, or in what order"
FIRST_STEP_IS_OPEN = "whether its first step is taken is only known at run time"


def find_in_loops(interpreter: Interpreter) -> tuple[list[Recurrence], list[Rejection]]:
    """Find the recurrences of a scope's loops: those that are GRUs, and those that are not."""
    found: list[Recurrence] = []
    rejections: list[Rejection] = []
    for loop in interpreter.loops.values():
        summed = summed_state.find_summed_states(interpreter, loop, _name(interpreter, loop))
        found += [recurrence for each in summed for recurrence in each.recurrences]
        summands = {place for each in summed for place in each.places}
        rejected_here: list[Rejection] = []
        for place, state in enumerate(loop.states):
            if state.kind is StateKind.RECURRENT and place in loop.leaves and place not in summands:
                recurrences, rejected = _find_in_state(interpreter, loop, state, loop.leaves[place])
                found += recurrences
                if not unreadable_recurrences.hangs_on_itself(loop.body, state.inner, state.result):
                    continue
                rejected_here += rejected or ([] if recurrences else _unread(interpreter, loop, place))
        rejections += _one_for_each(rejected_here)
    for index in interpreter.unread_loops:
        if unreadable_recurrences.multiplies_state(interpreter, index):
            is_open = trip_count.first_step_is_open(interpreter, interpreter.scope.nodes[index])
            reason = MismatchError(FIRST_STEP_IS_OPEN if is_open else NOT_COUNTED)
            name = next(name for name in interpreter.scope.nodes[index].output if name)
            rejections.append(Rejection(interpreter.algebra.zero, (reason,), name))
    return found, rejections


def _find_in_state(
    interpreter: Interpreter, loop: InterpretedLoop, state: LoopState, given: PolyTensor
) -> tuple[list[Recurrence], list[Rejection]]:
    """Find the recurrences in one state of a loop, which may carry several side by side."""
    algebra = interpreter.algebra
    known = loop.body.value(state.result)
    if not isinstance(known, PolyTensor) or FEATURES not in known.axes:
        return [], []
    try:
        given = with_feature_axis(algebra, given, known.axes.index(FEATURES), known.width)
    except NotUnderstoodError:
        return [], []
    zeros = is_zeros(interpreter.value(state.initial))
    found, rejections, edge = [], [], 0
    for width, poly in ((width, algebra.definition_of(poly)) for width, poly in known.pieces):
        previous = feature_range(algebra, given.pieces[0][1], edge, edge + width, known.width).atom
        masked = read_masked_step(loop.body, poly, previous)
        cells, mismatches = read_cells(algebra, poly) if masked is None else (masked.cells, masked.mismatches)
        fitting = [cell for cell in cells if cell.previous == previous]
        if any(projected_input.hangs_on_states(loop, algebra, cell) for cell in fitting):
            mismatches, fitting, cells = [*mismatches, MismatchError("what the gates read hangs on the state")], [], []
        if not _same_axes(given, known):
            mismatches, fitting = [*mismatches, MismatchError("the state's axes move from step to step")], []
        name = _name(interpreter, loop)
        if fitting:
            initial = None if zeros else InitialState(state.initial, edge, edge + width, given.axes.index(FEATURES))
            own_masks = () if masked is None else (masked.mask,)
            last_state = None if masked is None else masks.reduce_all_powers(loop.body, poly)
            found.append(Recurrence((fitting[0],), loop.trips, initial, name, loop, own_masks, last_state))
        elif cells and masked is not None:
            pass  # it repeats what another state's step makes
        elif mismatches or _multiplies(algebra, poly, previous):
            why = tuple(mismatches) or (MismatchError(NO_BLEND),)
            new = poly if masked is None else masked.mask.new
            rejections.append(Rejection(poly, why, name, loop.body, _step(loop, new, previous)))
        edge += width
    return found, rejections


def _step(loop: InterpretedLoop, new: Poly, previous: int | None) -> RecurrentStep | None:
    """Return a step of one of a loop's states, with what the others are to it."""
    if previous is None:
        return None
    algebra, others = loop.body.algebra, {}
    for place, leaf in loop.leaves.items():
        state = loop.states[place]
        result = loop.body.value(state.result)
        serials = {poly.atom for _, poly in leaf.pieces} - {None}
        kept = {poly.atom for _, poly in result.pieces} if isinstance(result, PolyTensor) else set()
        said = f"{state.inner}, another state of the loop"
        if previous in serials:
            said = "another part of the state"
        elif previous in kept:
            said = "the state before the last"
        atoms = [algebra.atoms[serial] for serial in serials if serial is not None]
        others.update({atom.source: said for atom in atoms if isinstance(atom, Leaf)})
    return RecurrentStep(loop.body, new, previous, others)


def _one_for_each(rejections: list[Rejection]) -> list[Rejection]:
    """Keep one for each recurrence, where several states of a loop are made of one another."""
    kept: list[Rejection] = []
    for one in sorted(rejections, key=lambda each: not (each.step and is_lstm(each.step, each.step.state))):
        if not any(_are_one(one, other) for other in kept):
            kept.append(one)
    return kept


def _are_one(one: Rejection, other: Rejection) -> bool:
    a, b = one.step, other.step
    if a is None or b is None:
        return a is b and one.mismatches[0].where == other.mismatches[0].where
    return _hangs_on(a, b) and _hangs_on(b, a)


def _hangs_on(one: RecurrentStep, other: RecurrentStep) -> bool:
    return RecurrentStep(one.values, one.state, other.previous).poly_hangs(one.state)


def _unread(interpreter: Interpreter, loop: InterpretedLoop, place: int) -> list[Rejection]:
    state = loop.states[place]
    why = unreadable_recurrences.where_reading_stops(loop.body, state.inner, state.result)
    if why is None:
        return []
    known, previous = loop.body.value(state.result), loop.leaves[place].pieces[0][1].atom
    step = _step(loop, known.poly, previous) if isinstance(known, PolyTensor) and known.poly is not None else None
    return [Rejection(interpreter.algebra.zero, (MismatchError(why),), _name(interpreter, loop), loop.body, step)]


def _multiplies(algebra: Algebra, poly: Poly, atom: int | None) -> bool:
    """Whether a polynomial multiplies a state by something: a recurrence, if not this one."""
    return any(len(mono) > 1 and atom in mono for mono, _ in poly.terms) and algebra.width_of(poly) > 0


def _same_axes(given: PolyTensor, known: PolyTensor) -> bool:
    """Whether a state comes out with its axes where they were; an axis of length 1 may have been repeated."""
    return len(given.axes) == len(known.axes) and all(
        one in (other, CONSTANT) for one, other in zip(given.axes, known.axes, strict=True)
    )


def _name(interpreter: Interpreter, loop: InterpretedLoop) -> str:
    """Return the name of a loop's first output."""
    return str(next(name for name in interpreter.scope.nodes[loop.index].output if name))
