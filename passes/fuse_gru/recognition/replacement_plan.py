"""Decide which values of a scope are taken from GRUs, and which nodes nothing needs any more.

Values are asked for from the scope's outputs backwards. Where the value asked for is a state of a recurrence, or some
of them stacked, it is taken from the GRU, and what made it is not asked for; what is asked for no more is removed. A
gate that is used elsewhere is asked for, and so stays, computed from the states as the GRU gives them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.recognition.states_in_loop_outputs import states_in_loop_outputs, states_read_backwards
from gru_lower.passes.fuse_gru.recognition.states_in_values import places_of_states, states_in, states_side_by_side
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import RecurrenceInputs
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StateSelection


@dataclass
class ReplacementPlan:
    """What becomes of a scope.

    Attributes:
        served: The values that come from GRUs: which states each stretch of their features is, or, where there are more
            of them than stretches, each index of an axis behind that of the steps.
        aliases: Values that are others under a new name.
        recurrences: The recurrences that are asked for.
        removed: The nodes nobody asks for any more.
        live: The nodes that are asked for.

    """

    served: dict[str, tuple[StateSelection, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    recurrences: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    live: set[int] = field(default_factory=set)


class Planner:
    """Decides which values of a scope come from its recurrences.

    Args:
        interpreter: The scope, interpreted.
        recurrences: The recurrences found in it.
        inputs: What each of them reads, ``None`` for one that is not to be used.
        read_inside: The values that GRUs in the bodies of a node will read, by the node's index.

    """

    def __init__(
        self,
        interpreter: Interpreter,
        recurrences: list[Recurrence],
        inputs: Sequence[RecurrenceInputs | None],
        read_inside: Mapping[int, Iterable[str]],
    ) -> None:
        """Collect the values that are states."""
        self.interpreter, self.recurrences, self.inputs = interpreter, recurrences, inputs
        self.read_inside = read_inside
        places = places_of_states(interpreter.algebra, recurrences)
        self.unrolled_states = {
            poly: place
            for poly, place in places.items()
            if recurrences[place.recurrence].loop is None and inputs[place.recurrence]
        }
        self.loop_outputs = {
            poly: selection
            for poly, selection in states_in_loop_outputs(interpreter, recurrences, places).items()
            if inputs[selection.recurrence] is not None
        }
        self.aliases = {
            state.outer: state.initial
            for number, recurrence in enumerate(recurrences)
            if recurrence.loop is not None and inputs[number] is not None
            for state in recurrence.loop.states
            if state.kind is StateKind.INVARIANT and state.outer and state.initial
        }

    def plan(self) -> ReplacementPlan:
        """Go through the scope from its outputs."""
        scope = self.interpreter.scope
        result = ReplacementPlan()
        pending, seen = list(scope.outputs), set[str]()
        while pending:
            name = pending.pop()
            index = scope.producers.get(name)
            if name in seen or index is None:
                continue
            seen.add(name)
            if name in self.aliases:
                result.aliases[name] = self.aliases[name]
                pending.append(self.aliases[name])
                continue
            served = self._states_in(name)
            if served is None:
                result.live.add(index)
                pending += [use for use in scope.used_by(index) if use not in seen]
                pending += self.read_inside.get(index, ())
                continue
            result.served[name] = served
            for selection in served:
                pending += self._values_read_by(selection.recurrence, result.recurrences)
        before = _nodes_behind(self.interpreter, scope.outputs)
        result.removed = self._with_dead_users(before - result.live, before, result)
        return result

    def _values_read_by(self, number: int, asked_for: set[int]) -> list[str]:
        """Add a recurrence and those it reads to what is asked for; return the values these read."""
        wanted: list[str] = []
        pending = [number]
        while pending:
            number = pending.pop()
            inputs = self.inputs[number]
            if number in asked_for or inputs is None:
                continue
            asked_for.add(number)
            wanted += inputs.names
            pending += inputs.recurrences
        return wanted

    def _states_in(self, name: str) -> tuple[StateSelection, ...] | None:
        """Return the states that each stretch of a value's features is, ``None`` if one is none."""
        known = self.interpreter.values.get(name)
        if not isinstance(known, PolyTensor) or not _has_plain_axes(known):
            return None
        algebra = self.interpreter.algebra
        found: list[StateSelection] = []
        if known.poly is not None:
            side_by_side = states_side_by_side(algebra, self.unrolled_states, known.poly)
            if side_by_side is not None:
                return side_by_side
        for _, poly in known.pieces:
            selection = self.loop_outputs.get(poly) or states_in(algebra, self.unrolled_states, poly)
            selection = selection or states_read_backwards(algebra, self.loop_outputs, self.recurrences, poly)
            if selection is None or not self._has_all_steps(known, selection):
                return None
            found.append(selection)
        return tuple(found) if len({selection.stacked for selection in found}) == 1 else None

    def _has_all_steps(self, value: PolyTensor, selection: StateSelection) -> bool:
        """Whether a value that reads as all states of a recurrence is not only the first of them."""
        if not selection.stacked or selection.times is not None:
            return True
        axis = next((axis for axis, kind in enumerate(value.axes) if kind == FreeAxis(0)), None)
        return axis is not None and value.dims[axis] == self.recurrences[selection.recurrence].steps

    def _with_dead_users(self, removed: set[int], before: set[int], plan: ReplacementPlan) -> set[int]:
        """Add the nodes that were dead already and read what goes."""
        scope = self.interpreter.scope
        kept = plan.served.keys() | plan.aliases.keys()
        outputs = scope.columns.outputs
        gone = {name for index in removed for name in outputs[index]} - kept
        removed = set(removed)
        for index, names in enumerate(outputs):
            if index not in before and not gone.isdisjoint(scope.used_by(index)):
                removed.add(index)
                gone.update(names)
        return removed


def _has_plain_axes(value: PolyTensor) -> bool:
    return FEATURES in value.axes and all(
        axis is FEATURES or (axis is CONSTANT and dim == 1) or isinstance(axis, FreeAxis)
        for axis, dim in zip(value.axes, value.dims, strict=True)
    )


def _nodes_behind(interpreter: Interpreter, wanted: Iterable[str]) -> set[int]:
    """Return the nodes that values depend on."""
    scope = interpreter.scope
    found: set[int] = set()
    pending = list(wanted)
    while pending:
        index = scope.producers.get(pending.pop())
        if index is not None and index not in found:
            found.add(index)
            pending += scope.used_by(index)
    return found
