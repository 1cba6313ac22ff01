"""States of a loop that are buffers: a step appends its value, or writes it at the place of the step.

SequenceInsert(state, value), Concat(state, value)
ScatterND or ScatterElements(state, indices of step t, value), Where(place = t, value, state)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, to_int
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StepBuffer
from gru_lower.passes.fuse_gru.tensors.constant_size import check_entries
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.passes.fuse_gru.tensors.symbolic_conditions import Condition
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import position_factor
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, TensorSequence, full_array
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import LoopState
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues

RESHAPING = ("Reshape", "Expand", "Identity", "Unsqueeze", "Squeeze", "Flatten")


def read_step_buffer(
    body: ScopeValues, state: LoopState, counter: Affine, trips: Count, initial: Known
) -> StepBuffer | None:
    """Return what a state collects, ``None`` if it does anything else.

    Args:
        body: The body, interpreted.
        state: The state.
        counter: The loop's counter.
        trips: The number of steps.
        initial: The state before the first step.

    """
    node = _producer(body, _source(body, state.result))
    if node is None or not is_onnx(node):
        return None
    if node.op_type == "SequenceInsert" and _source(body, node.input[0]) == state.inner:
        return _inserted(body, node, initial)
    if node.op_type == "Concat":
        return _concatenated(body, node, state.inner, initial)
    if node.op_type == "ScatterND" and _source(body, node.input[0]) == state.inner:
        return _scattered_nd(body, node, counter, trips, initial)
    if node.op_type == "Where":
        return _selected(body, node, state.inner, counter, trips, initial)
    if node.op_type in ("ScatterElements", "Scatter") and _source(body, node.input[0]) == state.inner:
        return _scattered_elements(body, node, counter, trips, initial)
    return None


def _producer(body: ScopeValues, name: str) -> NodeProto | None:
    index = body.scope.producers.get(name)
    return None if index is None else body.scope.nodes[index]


def _source(body: ScopeValues, name: str) -> str:
    """Return what a value is a copy of, or a cast to the type that it has."""
    node = _producer(body, name)
    while node is not None and (node.op_type == "Identity" or _casts_to_own_type(body, node)):
        name = node.input[0]
        node = _producer(body, name)
    return name


def _casts_to_own_type(body: ScopeValues, node: NodeProto) -> bool:
    kind = body.facts.elem_type(body.scope, node.input[0]) if node.op_type == "Cast" else 0
    return bool(kind) and kind == next(a.i for a in node.attribute if a.name == "to")


def _inserted(body: ScopeValues, node: NodeProto, initial: Known) -> StepBuffer | None:
    """Read SequenceInsert(sequence, value) at the end, or at the beginning."""
    if not isinstance(initial, TensorSequence) or initial.parts or initial.tensor is not None:
        return None
    reverse = False
    if len(node.input) > 2 and node.input[2]:
        place = body.value(node.input[2])
        if not isinstance(place, ConstTensor) or place.array.size != 1:
            return None
        entry = place.array.reshape(-1)[0]
        if isinstance(entry, Affine):
            return None
        reverse = int(entry) == 0
        if not reverse:
            return None
    return StepBuffer(body.value(node.input[1]), 0, reverse)


def _concatenated(body: ScopeValues, node: NodeProto, inner: str, initial: Known) -> StepBuffer | None:
    """Read Concat(buffer, value), or Concat(value, buffer), of a buffer that is empty at first."""
    if len(node.input) != 2:
        return None
    places = [place for place, name in enumerate(node.input) if _source(body, name) == inner]
    if len(places) != 1:
        return None
    step = body.value(node.input[1 - places[0]])
    axis = next(a.i for a in node.attribute if a.name == "axis")
    if not isinstance(step, (PolyTensor, ConstTensor)) or not isinstance(initial, (PolyTensor, ConstTensor)):
        return None
    axis %= len(step.dims)
    if (
        step.dims[axis] != 1
        or initial.dims[axis] != 0
        or (isinstance(step, PolyTensor) and step.axes[axis] is not CONSTANT)
    ):
        return None
    return StepBuffer(squeeze(body.algebra, step, [axis]), axis, places[0] == 1)


def _is_reverse(counter: Affine, trips: Count, index: object, length: Count) -> bool | None:
    """Whether the index of step t fills a buffer from its end; False for its beginning, ``None`` for neither."""
    if length != trips:
        return None
    if index == counter:
        return False
    return True if index == trips - 1 - counter else None


def _scattered_nd(
    body: ScopeValues, node: NodeProto, counter: Affine, trips: Count, initial: Known
) -> StepBuffer | None:
    """Read ScatterND(buffer, indices of one block, value)."""
    indices = body.value(node.input[1])
    if not isinstance(indices, ConstTensor) or not isinstance(initial, (PolyTensor, ConstTensor)):
        return None
    depth = indices.dims[-1]
    entries = full_array(indices).reshape(-1, int(depth)) if isinstance(depth, int) else None
    if entries is None or not _covers(entries, initial.dims):
        return None
    reverse = _is_reverse(counter, trips, entries[0, 0], initial.dims[0])
    step = _block(body, node.input[2], initial.dims[1:])
    return None if reverse is None or step is None else StepBuffer(step, 0, reverse)


def _covers(entries: object, dims: tuple[Count, ...]) -> bool:
    """Whether indices name every place of one block along the first axis, in order."""
    rows = [tuple(row) for row in entries]  # type: ignore[attr-defined]
    if len(rows) == 1 and len(rows[0]) == 1:
        return True
    rest = dims[1 : len(rows[0])]
    if not all(isinstance(dim, int) for dim in rest) or any(row[0] != rows[0][0] for row in rows):
        return False
    wanted: list[tuple[int, ...]] = [()]
    check_entries(math.prod(map(to_int, rest)))
    for dim in rest:
        wanted = [(*place, i) for place in wanted for i in range(to_int(dim))]
    return [tuple(int(i) for i in row[1:]) for row in rows] == wanted


def _scattered_elements(
    body: ScopeValues, node: NodeProto, counter: Affine, trips: Count, initial: Known
) -> StepBuffer | None:
    """Read ScatterElements(buffer, indices that are one number, value)."""
    indices = body.value(node.input[1])
    if not isinstance(indices, ConstTensor) or not isinstance(initial, (PolyTensor, ConstTensor)):
        return None
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % len(initial.dims)
    rest = tuple(dim for place, dim in enumerate(initial.dims) if place != axis)
    entries = set(indices.array.reshape(-1).tolist())
    shape = tuple(dim for place, dim in enumerate(indices.dims) if place != axis)
    if len(entries) != 1 or indices.dims[axis] != 1 or shape != rest:
        return None
    reverse = _is_reverse(counter, trips, entries.pop(), initial.dims[axis])
    step = _block(body, node.input[2], rest)
    return None if reverse is None or step is None else StepBuffer(step, axis, reverse)


def _selected(
    body: ScopeValues, node: NodeProto, inner: str, counter: Affine, trips: Count, initial: Known
) -> StepBuffer | None:
    """Read Where(place = t, value of the step, buffer)."""
    condition = body.value(node.input[0])
    step = body.value(node.input[1])
    if (
        _source(body, node.input[2]) != inner
        or not isinstance(condition, ConstTensor)
        or not isinstance(step, PolyTensor)
    ):
        return None
    if not isinstance(initial, (PolyTensor, ConstTensor)) or len(condition.dims) > len(initial.dims):
        return None
    offset = len(initial.dims) - len(condition.dims)
    long = [axis for axis, dim in enumerate(condition.dims) if dim != 1]
    if len(long) != 1:
        return None
    axis = long[0] + offset
    entries = list(enumerate(condition.array.reshape(-1)))
    # The place in the middle is the same from either end.
    reverse = next(
        (
            reverse
            for reverse, index in ((False, counter), (True, trips - 1 - counter))
            if all(_holds_at(entry, place, index) for place, entry in entries)
        ),
        None,
    )
    if reverse is None or initial.dims[axis] != trips or condition.dims[long[0]] != trips:
        return None
    lead = len(initial.dims) - len(step.dims)
    if axis >= lead:
        if step.axes[axis - lead] is not CONSTANT:
            return None
        seen = squeeze(body.algebra, step, [axis - lead])
        step = seen if isinstance(seen, PolyTensor) else step
    rest = tuple(dim for place, dim in enumerate(initial.dims) if place != axis)
    return StepBuffer(step, axis, reverse) if step.dims == rest else None


def _holds_at(entry: object, place: int, index: Count) -> bool:
    """Whether a condition holds where a place is an index, and there alone."""
    if not isinstance(entry, Condition) or entry.op != "Equal":
        return False
    gap = entry.left - entry.right
    at = POSITION if position_factor(gap) else place
    return gap in (at - index, index - at)


def _block(body: ScopeValues, name: str, dims: tuple[Count, ...]) -> PolyTensor | None:
    """Return the value that is written, as it was before it was reshaped if it had the shape of the block then."""
    while True:
        known = body.value(name)
        if isinstance(known, PolyTensor):
            units = [axis for axis, kind in enumerate(known.axes) if kind is CONSTANT and known.dims[axis] == 1]
            for count in range(len(units) + 1):
                seen = squeeze(body.algebra, known, units[:count])
                if isinstance(seen, PolyTensor) and seen.dims == dims:
                    return seen
        node = _producer(body, name)
        if node is None or node.op_type not in RESHAPING:
            return None
        name = node.input[0]
