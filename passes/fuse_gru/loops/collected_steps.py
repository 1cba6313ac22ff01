"""States of a loop that only collect what every step makes: one value behind the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, known
from gru_lower.passes.fuse_gru.tensors.constant_arithmetic import POSITION, Condition
from gru_lower.passes.fuse_gru.tensors.tensor import Const, Sequence_, Value
from gru_lower.passes.fuse_gru.tensors.views import filled, squeeze

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known

Collected = tuple["Known", int, bool]
PASSING = ("Identity", "Cast")
ARRANGING = ("Reshape", "Expand", "Identity", "Unsqueeze", "Squeeze", "Flatten")


def collected(
    body: Interpreter, inner: str, result: str, counter: Affine, trips: Count, initial: Known
) -> Collected | None:
    """Tell what a state collects.

    Args:
        body: The body, interpreted.
        inner: The state's name, going in.
        result: Its name, coming out.
        counter: The loop's counter.
        trips: The number of steps.
        initial: The state before the first step.

    Returns:
        The value of a step, the axis along which the steps are laid, and whether the last comes first;
        ``None`` if the state does anything else.

    """
    node = _maker(body, result)
    if node is None or not is_onnx(node):
        return None
    if node.op_type == "SequenceInsert" and _source(body, node.input[0]) == inner:
        return _inserted(body, node, initial)
    if node.op_type == "Concat":
        return _joined(body, node, inner, initial)
    if node.op_type == "ScatterND" and _source(body, node.input[0]) == inner:
        return _scattered_nd(body, node, counter, trips, initial)
    if node.op_type == "Where":
        return _chosen(body, node, inner, counter, trips, initial)
    if node.op_type in ("ScatterElements", "Scatter") and _source(body, node.input[0]) == inner:
        return _scattered_elements(body, node, counter, trips, initial)
    return None


def _maker(body: Interpreter, name: str) -> NodeProto | None:
    node = _producer(body, name)
    while node is not None and node.op_type in PASSING:
        node = _producer(body, node.input[0])
    return node


def _producer(body: Interpreter, name: str) -> NodeProto | None:
    index = body.scope.producers.get(name)
    return None if index is None else body.scope.nodes[index]


def _source(body: Interpreter, name: str, through: tuple[str, ...] = PASSING) -> str:
    node = _producer(body, name)
    while node is not None and node.op_type in through:
        name = node.input[0]
        node = _producer(body, name)
    return name


def _inserted(body: Interpreter, node: NodeProto, initial: Known) -> Collected | None:
    if not isinstance(initial, Sequence_) or initial.parts or initial.tensor is not None:
        return None
    turned = False
    if len(node.input) > 2 and node.input[2]:
        place = body.value(node.input[2])
        if not isinstance(place, Const) or place.array.size != 1:
            return None
        entry = place.array.reshape(-1)[0]
        if isinstance(entry, Affine):
            return None
        turned = int(entry) == 0
        if not turned:
            return None
    return body.value(node.input[1]), 0, turned


def _joined(body: Interpreter, node: NodeProto, inner: str, initial: Known) -> Collected | None:
    if len(node.input) != 2:
        return None
    places = [place for place, name in enumerate(node.input) if _source(body, name) == inner]
    if len(places) != 1:
        return None
    step = body.value(node.input[1 - places[0]])
    axis = next(a.i for a in node.attribute if a.name == "axis")
    if not isinstance(step, (Value, Const)) or not isinstance(initial, (Value, Const)):
        return None
    axis %= len(step.dims)
    if step.dims[axis] != 1 or initial.dims[axis] != 0 or (isinstance(step, Value) and step.axes[axis] is not CONSTANT):
        return None
    return squeeze(body.algebra, step, [axis]), axis, places[0] == 1


def _written_once(counter: Affine, trips: Count, index: object, length: Count) -> bool | None:
    """Whether the steps fill a buffer from its end (True) or its beginning (False), ``None`` for neither."""
    if length != trips:
        return None
    if index == counter:
        return False
    return True if index == trips - 1 - counter else None


def _scattered_nd(
    body: Interpreter, node: NodeProto, counter: Affine, trips: Count, initial: Known
) -> Collected | None:
    indices = body.value(node.input[1])
    if not isinstance(indices, Const) or not isinstance(initial, (Value, Const)):
        return None
    depth = indices.dims[-1]
    entries = filled(indices).reshape(-1, int(depth)) if isinstance(depth, int) else None
    if entries is None or not _covers(entries, initial.dims):
        return None
    turned = _written_once(counter, trips, entries[0, 0], initial.dims[0])
    step = _block(body, node.input[2], initial.dims[1:])
    return None if turned is None or step is None else (step, 0, turned)


def _covers(entries: object, dims: tuple[Count, ...]) -> bool:
    """Whether indices name every place of one block along the first axis, in order."""
    rows = [tuple(row) for row in entries]  # type: ignore[attr-defined]
    if len(rows) == 1 and len(rows[0]) == 1:
        return True
    rest = dims[1 : len(rows[0])]
    if not all(isinstance(dim, int) for dim in rest) or any(row[0] != rows[0][0] for row in rows):
        return False
    wanted: list[tuple[int, ...]] = [()]
    for dim in rest:
        wanted = [(*place, i) for place in wanted for i in range(known(dim))]
    return [tuple(int(i) for i in row[1:]) for row in rows] == wanted


def _scattered_elements(
    body: Interpreter, node: NodeProto, counter: Affine, trips: Count, initial: Known
) -> Collected | None:
    indices = body.value(node.input[1])
    if not isinstance(indices, Const) or not isinstance(initial, (Value, Const)):
        return None
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % len(initial.dims)
    rest = tuple(dim for place, dim in enumerate(initial.dims) if place != axis)
    entries = set(indices.array.reshape(-1).tolist())
    shape = tuple(dim for place, dim in enumerate(indices.dims) if place != axis)
    if len(entries) != 1 or indices.dims[axis] != 1 or shape != rest:
        return None
    turned = _written_once(counter, trips, entries.pop(), initial.dims[axis])
    step = _block(body, node.input[2], rest)
    return None if turned is None or step is None else (step, axis, turned)


def _chosen(
    body: Interpreter, node: NodeProto, inner: str, counter: Affine, trips: Count, initial: Known
) -> Collected | None:
    """Where(place = t, value of the step, buffer)."""
    condition = body.value(node.input[0])
    step = body.value(node.input[1])
    if _source(body, node.input[2]) != inner or not isinstance(condition, Const) or not isinstance(step, Value):
        return None
    if not isinstance(initial, (Value, Const)) or len(condition.dims) > len(initial.dims):
        return None
    offset = len(initial.dims) - len(condition.dims)
    long = [axis for axis, dim in enumerate(condition.dims) if dim != 1]
    if len(long) != 1:
        return None
    axis = long[0] + offset
    entries = list(enumerate(condition.array.reshape(-1)))
    # The place in the middle is the same from either end.
    turned = next(
        (
            turned
            for turned, index in ((False, counter), (True, trips - 1 - counter))
            if all(_is_at(entry, place, index) for place, entry in entries)
        ),
        None,
    )
    if turned is None or initial.dims[axis] != trips or condition.dims[long[0]] != trips:
        return None
    lead = len(initial.dims) - len(step.dims)
    if axis >= lead:
        if step.axes[axis - lead] is not CONSTANT:
            return None
        seen = squeeze(body.algebra, step, [axis - lead])
        step = seen if isinstance(seen, Value) else step
    rest = tuple(dim for place, dim in enumerate(initial.dims) if place != axis)
    return (step, axis, turned) if _same(step.dims, rest) else None


def _is_at(entry: object, place: int, index: Count) -> bool:
    """Whether a condition holds where a place is an index, and there alone."""
    if not isinstance(entry, Condition) or entry.op != "Equal":
        return False
    gap = entry.left - entry.right
    at = POSITION if isinstance(gap, Affine) and gap.factor(POSITION.terms[0][0]) else place
    return gap in (at - index, index - at)


def _block(body: Interpreter, name: str, dims: tuple[Count, ...]) -> Value | None:
    """Return what is written, whatever shape it was brought to, as long as its own was that of the block."""
    while True:
        known = body.value(name)
        if isinstance(known, Value):
            units = [axis for axis, kind in enumerate(known.axes) if kind is CONSTANT and known.dims[axis] == 1]
            for count in range(len(units) + 1):
                seen = squeeze(body.algebra, known, units[:count])
                if isinstance(seen, Value) and _same(seen.dims, dims):
                    return seen
        node = _producer(body, name)
        if node is None or node.op_type not in ARRANGING:
            return None
        name = node.input[0]


def _same(one: tuple[Count, ...], other: tuple[Count, ...]) -> bool:
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))
