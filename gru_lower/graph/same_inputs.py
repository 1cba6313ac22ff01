"""Whether two models take the same inputs: types, ranks, sizes, and which sizes have to be equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.tensor_types import dims_of

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

    from gru_lower.graph.tensor_types import Dims


def input_that_differs(one: GraphProto, other: GraphProto) -> str | None:
    """Return what one of two graphs takes and the other one does not, in words; ``None`` where they take the same.

    Args:
        one: A graph.
        other: One with inputs of the same names.

    """
    others = {value.name: value for value in other.input}
    forth: dict[object, object] = {}
    back: dict[object, object] = {}
    for value in one.input:
        twin = others.get(value.name)
        if twin is None:
            return f"{value.name} is an input of one model alone"
        found = _difference(value, twin)
        if found is not None:
            return found
        for axis, (left, right) in enumerate(zip(_dims(value) or (), _dims(twin) or (), strict=True)):
            mine, theirs = (name or (value.name, axis) for name in (left, right))
            if forth.setdefault(mine, theirs) != theirs or back.setdefault(theirs, mine) != mine:
                return f"axis {axis} of {value.name} has to be as long as another one in one model alone"
    return None


def _difference(value: ValueInfoProto, twin: ValueInfoProto) -> str | None:
    """Return how one input differs from its twin in type, rank or known sizes, ``None`` where it does not."""
    if value.type.tensor_type.elem_type != twin.type.tensor_type.elem_type:
        return f"{value.name} has another type"
    left, right = _dims(value), _dims(twin)
    if left is None or right is None:
        return None if left is right else f"{value.name} has a known rank in one model alone"
    if len(left) != len(right):
        return f"{value.name} has {len(left)} axes in one model and {len(right)} in the other"
    for axis, (one, other) in enumerate(zip(left, right, strict=True)):
        if one != other and (isinstance(one, int) or isinstance(other, int)):
            sizes = " and ".join("any length" if not isinstance(dim, int) else str(dim) for dim in (one, other))
            return f"axis {axis} of {value.name} takes {sizes}"
    return None


def _dims(value: ValueInfoProto) -> Dims | None:
    return dims_of(value) if value.type.tensor_type.HasField("shape") else None
