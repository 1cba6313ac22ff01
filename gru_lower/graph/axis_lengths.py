"""Lengths of axes: one that has no name, and those that nodes tell where shape inference does not.

That is in a loop's body, whose constants stand around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

SAME_SHAPE = ("Identity", "Cast", "CastLike", "Dropout")


@dataclass(frozen=True)
class AxisLength:
    """The length of an axis of a value, for which the model has no name.

    Attributes:
        path: The value's scope.
        value: Its name there.
        axis: The axis.

    """

    path: str
    value: str
    axis: int


def axis_length(scope: Scope, facts: Facts, name: str, axis: int, rank: int) -> int | None:
    """Return the length of an axis of a value, ``None`` where it is not known.

    Args:
        scope: The scope the value is read in.
        facts: The model's side table.
        name: The value.
        axis: The axis, counted from 0.
        rank: How many axes it has.

    """
    shape = facts.shape(scope, name)
    if shape is not None:
        length = shape[axis] if len(shape) == rank else None
        if isinstance(length, int) or len(shape) != rank:
            return length if isinstance(length, int) else None
    home = scope.find(name)
    index = None if home is None else home.producers.get(name)
    if home is None or index is None or not is_onnx(home.nodes[index]):
        return None
    node = home.nodes[index]
    if node.op_type in SAME_SHAPE:
        return axis_length(home, facts, node.input[0], axis, rank)
    if node.op_type == "Transpose":
        perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), list(range(rank))[::-1])
        return axis_length(home, facts, node.input[0], perm[axis], rank) if len(perm) == rank else None
    if node.op_type == "Reshape":
        wanted = _numbers(home, facts, node, 1, "shape")
        return wanted[axis] if wanted is not None and len(wanted) == rank and wanted[axis] > 0 else None
    axes = _numbers(home, facts, node, 1, "axes") if node.op_type == "Unsqueeze" else None
    if axes is None:
        return None
    new = {each % rank for each in axes}
    before = axis - sum(each < axis for each in new)
    return 1 if axis in new else axis_length(home, facts, node.input[0], before, rank - len(new))


def _numbers(scope: Scope, facts: Facts, node: NodeProto, place: int, attribute: str) -> list[int] | None:
    given = next((list(a.ints) for a in node.attribute if a.name == attribute), None)
    if given is not None or place >= len(node.input):
        return given
    array = facts.array(scope, node.input[place])
    return None if array is None else [int(entry) for entry in array.reshape(-1)]
