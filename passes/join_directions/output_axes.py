"""Trace a value back to a GRU's Y or Y_h through nodes that only move elements, and tell how its axes lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

Y_AXES, Y_H_AXES = ("T", "D", "B", "H"), ("D", "B", "H")


@dataclass(frozen=True)
class MovedOutput:
    """A value that is a GRU's output, with its axes moved.

    Attributes:
        gru: The GRU's place in its scope.
        output: 0 for Y, 1 for Y_h.
        axes: Its axes, by the names of :data:`Y_AXES`; the one of directions is gone or of length 1.
        flipped: Whether the last step comes first.

    """

    gru: int
    output: int
    axes: tuple[str, ...]
    flipped: bool


def trace_to_gru(scope: Scope, facts: Facts, name: str) -> MovedOutput | None:
    """Return the GRU's output that a value is with its axes moved, ``None`` if it is anything else."""
    index = scope.producers.get(name)
    if index is None:
        return None
    node = scope.nodes[index]
    if is_onnx(node, "GRU"):
        output = list(node.output).index(name)
        return MovedOutput(index, output, Y_H_AXES if output else Y_AXES, flipped=False)
    if not is_onnx(node) or node.op_type not in ("Squeeze", "Unsqueeze", "Transpose", "Slice", "Identity"):
        return None
    before = trace_to_gru(scope, facts, node.input[0])
    if before is None:
        return None
    axes, flipped = before.axes, before.flipped
    if node.op_type == "Squeeze":
        gone = _ints(scope, facts, node, "axes", 1)
        if gone is None or [axes[axis] for axis in gone] != ["D"]:
            return None
        axes = tuple(axis for axis in axes if axis != "D")
    elif node.op_type == "Unsqueeze":
        new = _ints(scope, facts, node, "axes", 1)
        if new is None or len(new) != 1 or "D" in axes:
            return None
        place = new[0] % (len(axes) + 1)
        axes = (*axes[:place], "D", *axes[place:])
    elif node.op_type == "Transpose":
        perm = _ints(scope, facts, node, "perm", 9)
        axes = tuple(axes[axis] for axis in (perm or reversed(range(len(axes)))))
    elif node.op_type == "Slice":
        if not _reverses_steps(scope, facts, node, axes):
            return None
        flipped = not flipped
    return MovedOutput(before.gru, before.output, axes, flipped)


def _ints(scope: Scope, facts: Facts, node: NodeProto, attribute: str, position: int) -> list[int] | None:
    """Return numbers that are an attribute, or a constant input at a position."""
    found = next((list(a.ints) for a in node.attribute if a.name == attribute), None)
    if found is None and position < len(node.input) and node.input[position]:
        array = facts.array(scope, node.input[position])
        return None if array is None else [int(entry) for entry in array.reshape(-1)]
    return found


def _reverses_steps(scope: Scope, facts: Facts, node: NodeProto, axes: tuple[str, ...]) -> bool:
    """Whether a Slice reverses the axis of steps and does nothing else."""
    starts, ends, along, steps = (_ints(scope, facts, node, "", position) for position in range(1, 5))
    if starts is None or ends is None or along is None or steps is None or len(starts) != 1:
        return False
    far = ends[0] < -(10**8)
    return axes[along[0]] == "T" and starts[0] == -1 and steps[0] == -1 and far
