"""How many steps a Loop or Scan takes: read from the trip count, the conditions, and the lengths of scan inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, RuntimeMinimum, TripCount, is_negative, symbol
from gru_lower.passes.fuse_gru.tensors.slice_and_split import UNBOUNDED
from gru_lower.passes.fuse_gru.tensors.symbolic_conditions import Condition
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_of
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


class StepLimit(NamedTuple):
    """How many steps a loop takes, or takes at most.

    Attributes:
        steps: The number.
        name: The value of the scope around the loop that is this number, ``""`` for none.

    """

    steps: Count
    name: str


def scan_trip_count(lengths: Iterable[Count]) -> Count | None:
    """Return how many steps a Scan takes: the length of its scan inputs, a known one if there is one."""
    trips: Count | None = None
    for length in lengths:
        if trips is None or isinstance(length, int):
            trips = length
    return trips


def loop_trip_count(outside: ScopeValues, node: NodeProto, body: ScopeValues, counter: Affine) -> StepLimit | None:
    """Return how many steps a Loop takes: the fewest that its trip count and its conditions let through.

    Args:
        outside: The scope it stands in.
        node: The Loop.
        body: Its body, interpreted.
        counter: The number of a step.

    Returns:
        ``None`` if it is not known.

    """
    limits, allowed = _trip_count_input(outside, node), _steps_of_conditions(body, counter)
    if limits is None or allowed is None:
        return None
    limits += [StepLimit(steps, "") for steps in allowed]
    finite = [limit for limit in limits if not isinstance(limit.steps, int) or limit.steps < UNBOUNDED]
    counts = list(dict.fromkeys(limit.steps for limit in finite))
    fewest = [one for one in counts if all(is_negative(other - one) is False for other in counts)]
    if not fewest or not _first_step_is_taken(outside, node, fewest[0]):
        return None
    named = next((limit.name for limit in finite if limit.name and limit.steps == fewest[0]), "")
    return StepLimit(fewest[0], named or _name_of_minimum(outside, fewest[0]))


def _trip_count_input(outside: ScopeValues, node: NodeProto) -> list[StepLimit] | None:
    """Return what the input M says: nothing where it is left out; ``None`` if it is not understood."""
    name = node.input[0]
    if not name:
        return []
    given = outside.value(name)
    if isinstance(given, ConstTensor) and given.array.size == 1:
        return [StepLimit(count_of(given), name)]
    return [StepLimit(symbol(TripCount(name)), name)] if isinstance(given, PolyTensor) else None


def _steps_of_conditions(body: ScopeValues, counter: Affine) -> list[Count] | None:
    """Return how many steps each condition allows for which a body asks for another, ``None`` if that is not known."""
    goes_on = body.value(body.scope.outputs[0])
    if not isinstance(goes_on, ConstTensor) or goes_on.array.size != 1:
        return None
    entry = goes_on.array.reshape(-1)[0]
    if isinstance(entry, (bool, np.bool_)):
        return [] if entry else [1]  # no step but the first
    conditions = (entry,) if isinstance(entry, Condition) else entry
    if not isinstance(conditions, tuple) or not conditions:
        return None
    steps = [_steps_while(condition, counter) for condition in conditions]
    known = [each for each in steps if each is not None]
    return known if len(known) == len(steps) else None


def _steps_while(condition: Condition, counter: Affine) -> Count | None:
    """Return how many steps are taken if another one is as long as a condition holds, ``None`` if that is not known."""
    op, left, right = condition
    if op in ("Greater", "GreaterOrEqual"):
        op, left, right = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual"}[op], right, left
    if op not in ("Less", "LessOrEqual"):
        return None
    gap = right - left  # another step while gap > 0
    name = counter.terms[0][0]
    if not isinstance(gap, Affine) or gap.factor(name) != -1:
        return None
    return gap + counter + (2 if op == "LessOrEqual" else 1)


def _first_step_is_taken(outside: ScopeValues, node: NodeProto, steps: Count) -> bool:
    """Whether the initial condition is true as long as there is any step, and no axis of the model is empty."""
    if len(node.input) < 2 or not node.input[1]:
        return True
    given = outside.value(node.input[1])
    if not isinstance(given, ConstTensor) or given.array.size != 1:
        return False
    entry = given.array.reshape(-1)[0]
    if isinstance(entry, (bool, np.bool_)):
        return bool(entry)
    conditions = (entry,) if isinstance(entry, Condition) else entry
    return isinstance(conditions, tuple) and all(_holds_with(condition, steps) for condition in conditions)


def _holds_with(condition: Condition, steps: Count) -> bool:
    """Whether a condition holds for sure if there is at least one step."""
    op, left, right = condition
    if op in ("Greater", "GreaterOrEqual"):
        op, left, right = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual"}[op], right, left
    if op not in ("Less", "LessOrEqual"):
        return False
    gap = right - left + int(op == "LessOrEqual")  # it holds where this is at least 1, as the number of steps is
    return is_negative(gap - steps) is False


def first_step_is_open(outside: ScopeValues, node: NodeProto) -> bool:
    """Whether a condition that is only known at run time decides if a Loop takes its first step."""
    if node.op_type != "Loop" or len(node.input) < 2 or not node.input[1]:
        return False
    given = outside.value(node.input[1])
    return not isinstance(given, ConstTensor) or given.array.dtype == object


def why_steps_are_not_sure(trips: Count) -> str | None:
    """Say why a loop need not take a step though no axis is empty, or more than there are; ``None`` if that is sure.

    Args:
        trips: The number of its steps.

    """
    names = [name for name, _ in trips.terms] if isinstance(trips, Affine) else []
    given = next((name.value for name in names if isinstance(name, TripCount)), None)
    if given is not None:
        return f"how many steps are taken is a value of the model, {given}: none where it is 0 or negative"
    if is_negative(trips - 1) is not False:
        return "it may take no step, even where no axis is empty"
    return None


def _name_of_minimum(outside: ScopeValues, trips: Count) -> str:
    """Return the value that the number of steps is, if it is a minimum computed in the scope around."""
    name = trips.terms[0][0] if isinstance(trips, Affine) and trips.terms else None
    if not isinstance(name, RuntimeMinimum) or trips != symbol(name) or name.path != outside.scope.path:
        return ""
    return name.value
