"""A Loop or Scan whose body is interpreted for any step: its states, its scan outputs, and how many steps it takes."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Count
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues
    from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor


class StateKind(Enum):
    """What a state of a loop turns out to be."""

    RECURRENT = "recurrent"
    """Computed anew in every step: the states of a GRU are."""
    INVARIANT = "invariant"
    """The same in every step: its initial value."""
    COUNTER = "counter"
    """A whole number that grows by the same in every step: its initial value + step · t."""
    DUPLICATE = "duplicate"
    """The same as another state: it begins and goes on as that one does."""
    BUFFER = "buffer"
    """Filled by the steps, each with its own value: those of all steps, stacked."""


class StepBuffer(NamedTuple):
    """What a state that is a buffer collects.

    Attributes:
        known: The value of one step, in the body.
        axis: The axis along which the steps lie.
        reverse: Whether the last step comes first.

    """

    known: Known
    axis: int
    reverse: bool


@dataclass
class LoopState:
    """One value that a loop carries from step to step.

    Attributes:
        inner: Its name in the body, before a step.
        result: Its name in the body, after a step.
        initial: Its name outside, before the first step.
        outer: Its name outside, after the last; ``""`` where no output is named.
        kind: What it is.
        same: Of a duplicate: the place of the state it is equal to.
        buffer: Of a buffer: what it collects.

    """

    inner: str
    result: str
    initial: str
    outer: str
    kind: StateKind = StateKind.RECURRENT
    same: int = -1
    buffer: StepBuffer | None = None


@dataclass
class ScanOutput:
    """One output of a loop that stacks a value of every step.

    Attributes:
        result: Its name in the body.
        outer: Its name outside.
        axis: The axis along which the steps lie.
        reverse: Whether the last step comes first.

    """

    result: str
    outer: str
    axis: int = 0
    reverse: bool = False


@dataclass
class InterpretedLoop:
    """A Loop or Scan whose body is interpreted for step t.

    Attributes:
        index: The node's index in its scope.
        body: The values of the body in step t.
        states: What it carries.
        outputs: What it stacks.
        trips: The number of steps.
        counter: t.
        trips_name: The value that is the number of steps, ``""`` for none.
        leaves: What each state is in the body, by its place; states that are a constant or known otherwise have none.

    """

    index: int
    body: ScopeValues
    states: list[LoopState]
    outputs: list[ScanOutput]
    trips: Count
    counter: Affine
    trips_name: str = ""
    leaves: dict[int, PolyTensor] = field(default_factory=dict)
