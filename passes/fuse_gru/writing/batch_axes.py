"""The axes of values that are the batch of one GRU, which takes them to be of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.diagnostics import diagnostic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


class BatchAxis(NamedTuple):
    """An axis of a value that is the batch.

    Attributes:
        name: The value.
        axis: Which axis.
        length: How long it is.

    """

    name: str
    axis: int
    length: Count


def declare_equal(graph: GraphProto, axes: Sequence[BatchAxis]) -> list[Diagnostic]:
    """Give axes of a graph's inputs that are one batch one length, or one name.

    Args:
        graph: The main graph; edited in place.
        axes: Values and their axes that are the batch of one GRU; those that are no inputs do not count.

    Returns:
        What there is to say, where axes had different names or none.

    """
    inputs = {value.name: value for value in graph.input}
    found = {}
    fixed = next((length for _, _, length in axes if isinstance(length, int)), None)
    for name, axis, _ in axes:
        dims = inputs[name].type.tensor_type.shape.dim if name in inputs else ()
        if axis < len(dims) and not dims[axis].HasField("dim_value"):
            found[name, axis] = dims[axis]
    if fixed is not None:
        for dim in found.values():
            dim.dim_value = fixed
        listed = " and ".join(f"axis {axis} of {value}" for value, axis in found)
        return (
            [diagnostic("GL805", f"{listed} has to be {fixed}, as the initial state's", scope="main")] if found else []
        )
    known = {dim.dim_param for dim in found.values()}
    if len(found) < 2 or (len(known) == 1 and "" not in known):
        return []
    taken = {dim.dim_param for value in inputs.values() for dim in value.type.tensor_type.shape.dim}
    name = next((dim.dim_param for dim in found.values() if dim.dim_param), "") or _unique("batch", taken)
    for dim in found.values():
        dim.dim_param = name
    listed = " and ".join(f"axis {axis} of {value}" for value, axis in found)
    return [diagnostic("GL805", f"{listed} are one batch now, named {name}", scope="main")]


def _unique(wanted: str, taken: set[str]) -> str:
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name
