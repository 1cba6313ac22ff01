"""Operators that act on each element: what they join is equally late, and broadcast along every axis but time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.operators.running import progression
from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.sizes import compute

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed

Array = np.ndarray[Any, np.dtype[Any]]

KEEP_ZERO = {
    *("Identity", "Cast", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Tanh", "Abs", "Neg", "Sqrt", "Sign", "Softsign"),
    *("Floor", "Ceil", "Round", "Erf", "Sin", "Tan", "Asin", "Atan", "Sinh", "Asinh", "Atanh", "ThresholdedRelu"),
    *("Gelu", "HardSwish", "Mish", "Dropout"),
}
"""What makes zero of zero."""
WILD = {"Log", "Div", "Reciprocal", "Pow", "Sqrt", "Acosh", "Atanh", "Tan", "Mod", "Exp", "Sinh", "Cosh"}
"""What makes infinity or no number of ordinary numbers."""


def elementwise(streamer: Streamer, node: Node) -> None:
    """Stream an operator of any number of inputs that broadcast."""
    rank = len(streamer.shape(node.output(0)))
    timed = node.timed(streamer)
    axes = {index: each.axis + rank - len(each.dims) for index, each in timed.items()}
    _same_axis(axes)
    timed = same_merging(streamer, timed)
    axis = next(iter(axes.values()))
    if len(timed) == 1 and _passes_past(streamer, node, next(iter(timed.values())), rank - axis):
        return
    edge = next(iter(timed.values())).edge if _alike(streamer, node, rank - axis) else None
    early = edge is None and any(each.delay < 0 or each.edge is not None for each in timed.values())
    history = _history(streamer, node, timed) if early else None
    if early and history is None:
        timed = {index: streamer.ready(each, node.local) for index, each in timed.items()}
    joined = dict(zip(timed, streamer.aligned(list(timed.values()), node.local), strict=True))
    like = next(iter(joined.values()))
    inputs = [
        joined[index].name if index in joined else beside(streamer, node, index, rank, axis, like)
        for index in range(len(node.inputs))
    ]
    node.copied(streamer, inputs)
    zero = len(timed) == 1 and like.fill == 0 and node.op_type in KEEP_ZERO
    tame = all(each.tame for each in joined.values()) and not _is_wild(streamer, node)
    for output in filter(None, node.outputs):
        streamer.put(output, like, axis, tame=tame, history=history, edge=edge, fill=0.0 if zero else None)


def _passes_past(streamer: Streamer, node: Node, only: Timed, from_end: int) -> bool:
    """Stream a function of one value whose past a state holds: of frames and past alike; return whether it is one."""
    if only.past is None or not _alike(streamer, node, from_end):
        return False
    if len(node.outputs) != 1 or len(streamer.shape(node.output(0))) != len(only.dims):
        return False
    past = node.of_past(streamer, only)
    node.copied(streamer, [only.name if name in streamer.timed else streamer.name(name) for name in node.inputs])
    streamer.put(node.output(0), only, only.axis, past=past, tame=only.tame and not _is_wild(streamer, node))
    return True


def _alike(streamer: Streamer, node: Node, from_end: int) -> bool:
    """Whether a node is a function of one value that is the same one for each frame."""
    others = [name for name in node.inputs if name and name not in streamer.timed]
    shapes = [streamer.shape(name) for name in others]
    same = all(len(shape) < from_end or shape[-from_end] == 1 for shape in shapes)
    latest = any(name in streamer.latest or streamer.known.follows_time(name) for name in others)
    return same and not latest and sum(name in streamer.timed for name in node.inputs) == 1


def _is_wild(streamer: Streamer, node: Node) -> bool:
    """Whether ordinary numbers may become infinite, or no numbers."""
    if node.op_type == "Div":
        by = streamer.value(node.input(1))  # one that is counted is 0 somewhere before the begin
        return by is None or by.ndim > 1 or bool((by == 0).any())
    if node.op_type == "Pow":
        power = streamer.value(node.input(1))
        return power is None or bool((power < 0).any() or (power != np.round(power)).any())
    return node.op_type in WILD


def _same_axis(axes: dict[int, int]) -> None:
    if len(set(axes.values())) > 1:
        both = " and ".join(str(axis) for axis in sorted(set(axes.values())))
        raise Refused("GL852", f"time runs along axes {both} of it: every frame meets every other")


def same_merging(streamer: Streamer, timed: dict[int, Timed]) -> dict[int, Timed]:
    """Return values whose axis of time is made of the same dims."""
    forms = {(each.before, each.after) for each in timed.values()}
    if len(forms) == 1:
        return timed
    found = {
        index: streamer.as_faster(each)
        if each.before == 1 and each.after != 1 and isinstance(each.dims[each.axis], int)
        else each
        for index, each in timed.items()
    }
    if len({(each.before, each.after) for each in found.values()}) > 1:
        raise Refused("GL859", "it joins values in which time is merged with other dims in different ways")
    return found


def _history(streamer: Streamer, node: Node, timed: dict[int, Timed]) -> Array | None:
    """Return what the frames of the output are that come before the first push, where only constants are joined."""
    if len(timed) != 1 or len(list(filter(None, node.outputs))) != 1:
        return None
    (index, only), values = next(iter(timed.items())), []
    for place, name in enumerate(node.inputs):
        value = only.history if place == index else streamer.value(name) if name else None
        if name and value is None:
            return None
        if value is not None:
            values.append(value)
    for place, value in enumerate(values):
        if (
            place != index
            and value.ndim
            and only.axis - len(only.dims) + value.ndim >= 0
            and value.shape[only.axis - len(only.dims)] != 1
        ):
            return None
    results = compute(node.proto, values, streamer.scope.opsets)
    return None if results is None else results[0]


def beside(streamer: Streamer, node: Node, index: int, rank: int, axis: int, like: Timed | None = None) -> str:
    """Return a value without time as it can be joined with one that has it.

    Args:
        streamer: The streamed model.
        node: The node.
        index: Which input.
        rank: The rank of what is joined.
        axis: The axis of time there.
        like: What it is joined with, where its frames may be counted.

    Raises:
        Refused: It is different for each frame, and not counted, or is only known at the end.

    """
    name = node.inputs[index]
    if not name or name in streamer.uniform:
        return streamer.name(name)
    refuse_latest(streamer, name)
    if name in streamer.counted and like is not None and not like.merged:
        line = streamer.counted[name]
        found = progression(streamer, line, axis - rank + line.ndim, like, name)
        if found is not None:
            return found
    if streamer.known.follows_time(name):
        raise Refused("GL853", f"{name} is computed from how many frames there are")
    shape = streamer.shape(name)
    own = axis - rank + len(shape)
    if own < 0 or shape[own] == 1:
        return streamer.name(name)
    value = streamer.value(name)
    if value is None:
        raise Refused("GL853", f"{name} has {shape[own]} frames along axis {own} that are no part of the stream")
    if like is not None and not like.merged:
        counted = progression(streamer, value, own, like, name)
        if counted is not None:
            return counted
    return one_frame(streamer, value, own, name)


def one_frame(streamer: Streamer, value: Array, axis: int, name: str) -> str:
    """Return a constant that is the same for each frame with one frame only.

    Raises:
        Refused: It is not.

    """
    first = np.take(value, [0], axis=axis)
    if not np.array_equal(np.broadcast_to(first, value.shape), value):
        raise Refused("GL853", f"{name} is a constant that is different for each frame along axis {axis}")
    return streamer.write.constant(first, f"{name}_frame")


def refuse_latest(streamer: Streamer, name: str) -> None:
    """Refuse a value that is only known when the stream ends.

    Raises:
        Refused: So it is.

    """
    if name in streamer.latest:
        raise Refused("GL851", f"{name} is known at the end of the sequence only, and every frame needs it")
