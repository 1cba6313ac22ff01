"""Find the recurrences of a scope: which of them are GRUs, and why the others are not or stay as they are."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.errors import READING_FAILS, TooLargeError
from gru_lower.passes.fuse_gru.loops import trip_count
from gru_lower.passes.fuse_gru.reasons.integer_sites import sites_of_integers
from gru_lower.passes.fuse_gru.recognition import (
    empty_axes,
    inputs_computed_in_loop,
    loop_recurrences,
    nested_loop_inputs,
    projected_input,
    recurrence_inputs,
    rejected_chains,
    rejection_reason,
    sequence_lens_of_mask,
    unrolled_recurrences,
)
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.replacement_plan import Planner, ReplacementPlan
from gru_lower.passes.fuse_gru.recognition.separate_steps import with_separate_steps
from gru_lower.passes.fuse_gru.recognition.states_in_values import atoms_of_states
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import RecurrenceInputs
    from gru_lower.passes.fuse_gru.recognition.rejection_reason import Rejection
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StatePlace


@dataclass
class ScopeRecurrences:
    """The recurrences of a scope.

    Attributes:
        interpreter: The scope.
        grus: Those that are GRUs.
        inputs: What each of them reads, ``None`` for one that is not fused.
        sites: The report's entries of those that are not fused.
        read_inside: The values that GRUs in the bodies of a node will read, by the node's index.

    """

    interpreter: Interpreter
    grus: list[Recurrence]
    inputs: list[RecurrenceInputs | None] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    read_inside: dict[int, set[str]] = field(default_factory=dict)

    def drop(self, number: int, code: str, message: str) -> None:
        """Leave a GRU as it is, and enter why; others that read its states read them value by value."""
        self.inputs[number] = None
        self.sites.append(self.site(self.grus[number].name, "kept", code, message))
        self.read_value_by_value(number)

    def read_value_by_value(self, number: int) -> None:
        """Let GRUs that read the states of one that stays read these from the graph."""
        for reader, inputs in enumerate(self.inputs):
            if inputs is not None and number in inputs.recurrences:
                try:
                    self.inputs[reader] = recurrence_inputs.without_recurrence(self.interpreter, inputs, number)
                except CannotWriteError as error:
                    self.drop(reader, "GL802", f"a GRU, but {error}")

    def site(
        self, name: str, action: Literal["kept", "seen"], code: str | None, message: str, term: str | None = None
    ) -> Site:
        """Return the report's entry of a recurrence."""
        scope = self.interpreter.scope
        site = scope.site(scope.producers[name])
        return Site(site, scope.path, "", None, action, code=code, message=message, missing_term=term)

    def plan(self) -> ReplacementPlan:
        """Decide what becomes of the scope; a GRU whose loop would stay is dropped, as is one whose states would."""
        while True:
            plan = Planner(self.interpreter, self.grus, self.inputs, self.read_inside).plan()
            stuck = [n for n in plan.recurrences if _loop_stays(self.grus[n], plan)]
            held = [n for n in plan.recurrences if self._masked_states_stay(self.grus[n], plan)]
            for number in held:
                why = "a GRU, but the states that its masked steps repeat are used, for which it gives 0"
                self.drop(number, "GL802", why)
            stuck += [
                n
                for n, recurrence in enumerate(self.grus)
                if self.inputs[n] and n not in plan.recurrences and _loop_stays(recurrence, plan)
            ]
            if not stuck and not held:
                return plan
            for number in stuck:
                self.drop(number, "GL802", self._why_loop_stays(self.grus[number], plan))

    def _masked_states_stay(self, recurrence: Recurrence, plan: ReplacementPlan) -> bool:
        """Whether states of masked steps between the first and the last are asked for."""
        if not recurrence.masks or recurrence.loop is not None:
            return False
        steps = zip(recurrence.cells, recurrence.masks, strict=True)
        between = [cell.state for cell, mask in steps if cell.state not in mask.outputs]
        names = [self.interpreter.named_tensors[poly].name for poly in between if poly is not recurrence.last_state]
        return any(self.interpreter.scope.producers.get(name) in plan.live for name in names)

    def _why_loop_stays(self, recurrence: Recurrence, plan: ReplacementPlan) -> str:
        assert recurrence.loop is not None
        node = self.interpreter.scope.nodes[recurrence.loop.index]
        kept = [name for name in node.output if name and name not in plan.served and name not in plan.aliases]
        used = [name for name in kept if self.interpreter.scope.uses[name]]
        listed = ", ".join(used[:3]) or "an output"
        return f"a GRU, but the {node.op_type} also makes {listed}, which is no state of it"


def _loop_stays(recurrence: Recurrence, plan: ReplacementPlan) -> bool:
    return recurrence.loop is not None and recurrence.loop.index in plan.live


def find_recurrences(
    interpreter: Interpreter,
    *,
    shortest: int = 2,
    assume: str = "nothing",
    empty: str = "fuse",
    projected: bool = False,
) -> ScopeRecurrences:
    """Find the recurrences of a scope.

    Args:
        interpreter: The scope, interpreted.
        shortest: How many steps unrolled cells have at least.
        assume: What is promised of masks.
        empty: What becomes of loops that take empty sequences or batches, one of :data:`empty_axes.EMPTY`.
        projected: Whether GRUs are fused whose W is made up, since something else projects their gates.

    Returns:
        None at all where looking for them failed, which is entered in the algebra's ``unread``.

    """
    try:
        return _found(interpreter, shortest=shortest, assume=assume, empty=empty, projected=projected)
    except READING_FAILS as error:
        interpreter.algebra.note_unread(interpreter.scope.path, "looking for recurrences", error)
        return ScopeRecurrences(interpreter, [])


def _found(interpreter: Interpreter, *, shortest: int, assume: str, empty: str, projected: bool) -> ScopeRecurrences:
    in_loops, rejected_in_loops = loop_recurrences.find_in_loops(interpreter)
    unrolled, rejected = unrolled_recurrences.find_unrolled(interpreter, shortest=shortest)
    grus = [nested_loop_inputs.with_inputs_in_scope(interpreter, recurrence) for recurrence in in_loops + unrolled]
    found = ScopeRecurrences(interpreter, with_separate_steps(interpreter, grus) if shortest == 1 else grus)
    places = atoms_of_states(interpreter.algebra, found.grus)
    for number in range(len(found.grus)):
        found.inputs.append(None)
        try:
            _find_inputs(found, number, places, assume)
        except CannotWriteError as error:
            found.inputs[number] = _inputs_multiplied_out(found, number, places)
            if found.inputs[number] is None:
                found.drop(number, "GL802", f"a GRU, but {error}")
        if found.inputs[number] is not None and not projected and projected_input.is_projected(found.grus[number]):
            found.drop(number, "GL809", projected_input.why_it_stays(interpreter, found.grus[number]))
        if found.inputs[number] is not None and empty == "keep" and found.grus[number].loop is not None:
            needed = empty_axes.preconditions(interpreter, found.grus[number])
            if needed:
                found.drop(number, "GL802", f"a GRU, but only where {' and '.join(needed)}, and loops are to be kept")
    for number, inputs in enumerate(found.inputs):
        if inputs is None:
            found.read_value_by_value(number)
    recurring = rejected_chains.one_for_each_chain(interpreter, unrolled, rejected)
    for rejection in [*rejected_in_loops, *recurring]:
        entry = _site_of(found, rejection)
        if entry is not None:
            found.sites.append(entry)
    found.sites += sites_of_integers(interpreter.scope, between_quantisers=not found.sites)
    return found


def _find_inputs(found: ScopeRecurrences, number: int, places: dict[int, StatePlace], assume: str) -> None:
    """Enter what a GRU reads; drop it where its mask would have to be promised and is not."""
    interpreter, recurrence = found.interpreter, found.grus[number]
    unsure = None if recurrence.loop is None else trip_count.why_steps_are_not_sure(recurrence.loop.trips)
    if unsure is not None:
        found.drop(number, "GL802", f"a GRU, but {unsure}")
        return
    inputs = recurrence_inputs.find_inputs(interpreter, found.grus, number, places)
    if sequence_lens_of_mask.needs_promise(recurrence) and assume != sequence_lens_of_mask.PROMISE:
        found.drop(number, "GL806", sequence_lens_of_mask.why_promise_is_needed(interpreter, recurrence))
        return
    if recurrence.masks:
        inputs = recurrence_inputs.with_sequence_lens(interpreter, recurrence, inputs)
    found.inputs[number] = inputs


def _inputs_multiplied_out(
    found: ScopeRecurrences, number: int, places: dict[int, StatePlace]
) -> RecurrenceInputs | None:
    """Find what a loop's inputs are made of, where these are computed anew in every step."""
    before = found.grus[number]
    if before.loop is None:
        return None
    try:
        after = inputs_computed_in_loop.with_inputs_multiplied_out(found.interpreter.algebra, before)
        if after is None:
            return None
        found.grus[number] = after
        return recurrence_inputs.find_inputs(found.interpreter, found.grus, number, places)
    except (CannotWriteError, TooLargeError):
        found.grus[number] = before
        return None


def _site_of(found: ScopeRecurrences, rejection: Rejection) -> Site | None:
    """Return the report's entry of a recurrence that is no GRU, ``None`` if no node of the scope makes it."""
    interpreter = found.interpreter
    text, term = rejection_reason.reason_of(interpreter, rejection)
    home = interpreter.named_tensors.get(rejection.state)
    name = rejection.name or ("" if home is None else home.name)
    if name not in interpreter.scope.producers:
        return None
    return found.site(name, "seen", "GL801", f"a recurrence that is no GRU: {text}", term)
