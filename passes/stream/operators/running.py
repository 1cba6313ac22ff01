"""Sums and counts over all frames so far: CumSum along time, and the numbers of frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.sizes import compute
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Array, Streamer
    from gru_lower.passes.stream.timing import Timed

FLOAT = 1
"""``TensorProto.FLOAT``: running sums and unbounded counts are carried in it."""


def cumsum(streamer: Streamer, node: Node) -> None:
    """Stream a CumSum: along time, the sum so far is a state."""
    found = streamer.ready(streamer.timed[node.inputs[0]], node.local)
    value = streamer.value(node.input(1))
    if value is None:
        raise Refused("GL859", "its axis is not constant")
    axis = int(value.reshape(-1)[0]) % len(found.dims)
    if axis != found.axis:
        node.copied(streamer, [found.name, streamer.name(node.inputs[1])])
        streamer.put(node.output(0), found, found.axis, tame=found.tame)
        return
    if node.attributes.get("reverse", 0):
        raise Refused("GL854", f"it sums axis {axis}, which is time, from the end")
    if found.before == 1:
        found = streamer.plain(found, node.local)
    if found.merged:
        raise Refused("GL855", f"it sums along axis {axis}, in which time is merged with other dims")
    streamer.works.append(node.site)
    write, local = streamer.write, node.local
    found = streamer.masked(found, 0.0, local, begin=True, end=False)
    kind = found.elem_type
    is_float = np.issubdtype(dtype_of(kind), np.floating)
    wide = kind if is_float and dtype_of(kind).itemsize >= 4 else FLOAT
    x = found.name if wide == kind else write.emit("Cast", [found.name], f"{local}_wide", to=wide)
    dims = [*found.dims]
    dims[axis] = 1
    total, following = write.state(f"{local}_sum", wide, dims, 0.0, "sum")
    chunk, exclusive = streamer.frames(found), bool(node.attributes.get("exclusive", 0))
    if chunk == 1:
        summed = write.emit("Add", [x, total], f"{local}_so_far", following)
        out = total if exclusive else summed
    else:
        inside = write.emit("CumSum", [x, streamer.name(node.inputs[1])], f"{local}_inside")
        summed = write.emit("Add", [inside, total], f"{local}_so_far")
        write.slice(summed, axis, chunk - 1, None, f"{local}_keep", following)
        out = summed
        if exclusive:
            out = write.concat(
                [total, write.slice(summed, axis, 0, chunk - 1, f"{local}_early")], axis, f"{local}_exclusive"
            )
    if wide == kind:
        write.emit("Identity", [out], local, node.output(0))
    else:
        write.emit("Cast", [out], local, node.output(0), to=kind)
    streamer.put(node.output(0), found, axis)


def progression(streamer: Streamer, value: Array, axis: int, like: Timed, name: str) -> str | None:
    """Return a constant that grows by the same from frame to frame as one that is counted; ``None`` for any other.

    Args:
        streamer: The streamed model.
        value: The constant.
        axis: Its axis of time.
        like: What it is joined with.
        name: Its name.

    """
    if value.shape[axis] < 3 or not np.issubdtype(value.dtype, np.number):
        return None
    first = np.take(value, [0], axis=axis).astype(np.float64)
    step = np.take(value, [1], axis=axis).astype(np.float64) - first
    places = np.arange(value.shape[axis]).reshape([-1 if place == axis else 1 for place in range(value.ndim)])
    if not np.allclose(first + step * places, value, rtol=1e-6, atol=0):
        return None
    write = streamer.write
    seen, _ = streamer.number()
    if like.rate != 1:
        seen = write.emit("Mul", [seen, write.constant(np.array([like.rate], np.float32), "pace")], f"{name}_seen")
    own = [-1 if place == axis else 1 for place in range(value.ndim)]
    within = write.constant(
        (np.arange(streamer.frames(like)) - like.delay).astype(np.float32).reshape(own), f"{name}_within"
    )
    place = write.emit("Add", [seen, within], f"{name}_place")
    scaled = write.emit("Mul", [place, write.constant(step.astype(np.float32), f"{name}_step")], f"{name}_scaled")
    counted = write.emit("Add", [scaled, write.constant(first.astype(np.float32), f"{name}_first")], f"{name}_counted")
    kind = int(helper.np_dtype_to_tensor_dtype(value.dtype))
    return counted if kind == FLOAT else write.emit("Cast", [counted], f"{name}_cast", to=kind)


def counted(streamer: Streamer, name: str) -> Array | None:
    """Return a value as long as the sequence that grows by the same from frame to frame, 1 along all other axes."""
    pair, grown = streamer.known.pair(name), streamer.known.grows(name)
    if pair is None or len(grown) != 1 or pair[0].ndim != pair[1].ndim:
        return None
    (axis,) = grown
    lines = [np.moveaxis(value, axis, -1).reshape(-1, value.shape[axis]) for value in pair]
    if any(not line.size or (line != line[0]).any() for line in lines) or lines[0].shape[1] < 3:
        return None
    one, two = (line[0] for line in lines)
    if not np.array_equal(one, two[: len(one)]) or len(two) - len(one) != streamer.known.frames:
        return None
    return _line(one, axis, pair[0].ndim)


def _line(values: Array, axis: int, rank: int) -> Array:
    line: Array = values.reshape([-1 if place == axis else 1 for place in range(rank)])
    return line


def counting(streamer: Streamer, node: Node) -> Array | None:
    """Return numbers of frames as :func:`counted` does, where they are sums of ones, or functions of such numbers."""
    rank = len(streamer.shape(node.output(0)))
    if node.op_type == "CumSum" and node.inputs[0] in streamer.uniform:
        axis = streamer.value(node.inputs[1])
        if axis is None or node.attributes.get("reverse", 0) or rank == 0:
            return None
        place = int(axis.reshape(-1)[0]) % rank
        if place not in streamer.known.grows(node.output(0)):
            return None
        each = streamer.uniform[node.inputs[0]].reshape(-1)[0]
        first = 0 if node.attributes.get("exclusive", 0) else 1
        line = np.arange(streamer.shape(node.output(0))[place]) + first
        return _line((line * each).astype(each.dtype), place, rank)
    values = [
        streamer.counted.get(name, streamer.uniform.get(name, streamer.value(name))) for name in node.inputs if name
    ]
    if not set(node.inputs) & streamer.counted.keys() or any(value is None for value in values):
        return None
    results = compute(node.proto, [value for value in values if value is not None], streamer.scope.opsets)
    return results[0] if results is not None and results[0].size == max(results[0].shape, default=0) else None


def numbers(streamer: Streamer, node: Node) -> None:
    """Stream a Range as long as the sequence: the numbers of the frames, from a count without end in float32."""
    pairs = [streamer.known.pair(name) for name in node.inputs]
    if any(pair is None for pair in pairs):
        raise Refused("GL859", "what it counts is not constant")
    starts, limits, steps = (pair for pair in pairs if pair is not None)
    start, step = float(starts[0]), float(steps[0])
    if float(starts[1]) != start or float(steps[1]) != step:
        raise Refused("GL853", "where it begins depends on how many frames there are")
    frames = streamer.known.frames
    counts = [int(np.ceil((float(limit) - start) / step)) for limit in limits]
    if counts[1] - counts[0] != frames:
        raise Refused("GL853", "it counts something else than frames")
    write, local, chunk = streamer.write, node.local, streamer.chunk
    seen, following = streamer.number()
    del following
    kind = streamer.known.elem_type(node.output(0))
    offset = write.constant((start + step * np.arange(chunk)).astype(np.float32), f"{local}_within")
    scaled = (
        seen
        if step == 1
        else write.emit("Mul", [seen, write.constant(np.array([step], np.float32), f"{local}_step")], f"{local}_scaled")
    )
    if kind == FLOAT:
        write.emit("Add", [scaled, offset], local, node.output(0))
    else:
        write.emit("Cast", [write.emit("Add", [scaled, offset], f"{local}_float")], local, node.output(0), to=kind)
    like = streamer.clock()
    length = like.length.plus(counts[0] - frames)
    streamer.put(node.output(0), replace(like, dims=()), 0, delay=0, length=length, tame=True)
