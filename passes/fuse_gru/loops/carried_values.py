"""What a loop's states turn out to be, given what one step makes of them: invariants, counters, duplicates.

    a state that comes out as it went in    is what it was at the beginning
    a whole number that grows by a step     is its beginning + step · t
    two states that go in and out alike     are one

What a state is that only collects is read in :mod:`step_buffers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant, count_of, is_count
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import LoopState
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues


WIDE = 4
"""The bytes of a whole number that counts steps without wrapping."""


class CarriedValues:
    """The states of one loop, and what is known of those that are no recurrence.

    Args:
        outside: The scope the loop stands in.

    Attributes:
        states: The states.
        bound: What invariants, counters and duplicates are in the body in step t, by the place of the state.

    """

    def __init__(self, outside: ScopeValues) -> None:
        """Start without states."""
        self.outside = outside
        self.states: list[LoopState] = []
        self.bound: dict[int, Known] = {}

    def initial(self, state: LoopState) -> Known:
        """Return what is known of a state before the first step."""
        return self.outside.value(state.initial) if state.initial else None

    def bind_invariants_and_counters(self, body: ScopeValues, counter: Affine) -> None:
        """Bind the states that do not change, and those that grow by the same in every step.

        Args:
            body: The body, interpreted.
            counter: The number of a step, t.

        """
        for place, state in enumerate(self.states):
            if place in self.bound:
                continue
            before, after, initial = body.values[state.inner], body.value(state.result), self.initial(state)
            if state.result == state.inner or _is_same(after, before):
                self.bound[place], state.kind = initial, StateKind.INVARIANT
            elif (
                isinstance(after, ConstTensor) and isinstance(before, ConstTensor) and isinstance(initial, ConstTensor)
            ):
                counted = _counter(before, after, initial, counter)
                if counted is not None:
                    self.bound[place], state.kind = counted, StateKind.COUNTER

    def release_counters(self) -> None:
        """Forget what counters are: they are counted again, by a counter whose end is known."""
        for place, state in enumerate(self.states):
            if state.kind is StateKind.COUNTER:
                del self.bound[place]
                state.kind = StateKind.RECURRENT

    def bind_duplicate(self, place: int, body: ScopeValues) -> None:
        """Bind a state that begins and goes on in the same way as one before it, if there is one.

        Args:
            place: The place of the state.
            body: The body, interpreted.

        """
        for other in range(place):
            if other in self.bound or place in self.bound:
                continue
            one, two = self.states[other], self.states[place]
            same_start = one.initial == two.initial or _is_same(self.initial(one), self.initial(two))
            after = body.value(one.result)
            if same_start and isinstance(after, PolyTensor) and _is_same(after, body.value(two.result)):
                self.bound[place] = body.values[one.inner]
                two.kind, two.same = StateKind.DUPLICATE, other


def _counter(before: ConstTensor, after: ConstTensor, initial: ConstTensor, counter: Affine) -> ConstTensor | None:
    """Return initial + step · t if that is what a state is in step t, ``None`` otherwise."""
    if after.array.size != 1 or before.array.size != 1 or not is_count(initial):
        return None
    if initial.array.dtype != object and initial.array.dtype.itemsize < WIDE:
        return None
    step = after.array.reshape(-1)[0] - before.array.reshape(-1)[0]
    if not isinstance(step, (int, np.integer)):
        return None
    return count_constant(counter * int(step) + count_of(initial) if step else count_of(initial), initial.dims)


def _is_same(one: Known, other: Known) -> bool:
    """Whether two values are known to be the same."""
    if isinstance(one, ConstTensor) and isinstance(other, ConstTensor):
        return (
            one.dims == other.dims and one.array.dtype == other.array.dtype and np.array_equal(one.array, other.array)
        )
    return isinstance(one, PolyTensor) and one == other
