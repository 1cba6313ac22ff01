"""The last frame of a sequence: in a stream, the latest one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.masks import least_frames

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


def latest_frame(streamer: Streamer, node: Node, timed: Timed, output: str, *, keepdims: bool) -> None:
    """Write the latest frame of a value in place of its last one."""
    timed = streamer.foreseen(streamer.ready(timed, node.local), node.local)
    chunk, axis = streamer.frames(timed), timed.axis
    name = timed.name
    if chunk > 1:
        name = _last_of_chunk(streamer, timed, chunk, node.local)
    if keepdims:
        streamer.write.emit("Identity", [name], node.local, output)
    else:
        streamer.write.axes_node("Squeeze", name, [axis], node.local, output)
    streamer.latest.add(output)
    streamer.lags[output] = timed


def _last_of_chunk(streamer: Streamer, timed: Timed, chunk: int, local: str) -> str:
    """Return the last frame of a chunk that is one of the stream."""
    ends = [least_frames(timed.length, j - timed.delay + 1) for j in range(1, chunk)]
    valid = streamer.counters.valid(None, ends, 0, streamer.counters.elem_type)
    write = streamer.write
    places = write.constant(np.arange(1, chunk, dtype=streamer.counters.dtype), f"{local}_places")
    reached = write.emit("Mul", [valid, places], f"{local}_reached")
    place = write.emit("ReduceMax", [reached], f"{local}_place", keepdims=1)
    index = write.emit("Cast", [place], f"{local}_index", to=7)
    return write.emit("Gather", [timed.name, index], f"{local}_latest", axis=timed.axis)


def following_past(streamer: Streamer, node: Node, timed: Timed, output: str) -> None:
    """Write the next value of a state of the model's own that holds past frames: the last ones there are."""
    write, local, axis, held = streamer.write, node.local, timed.axis, -timed.delay
    both = write.concat([str(timed.past), timed.name], axis, f"{local}_window")
    chunk = streamer.frames(timed)
    if chunk == 1 and not streamer.outlasts:
        write.slice(both, axis, 1, None, local, output)
        return
    counters = streamer.counters
    valid = counters.valid(None, [j + 1 for j in range(chunk)], 0, counters.elem_type)
    first = np.arange(held, dtype=counters.dtype)
    total = write.sum_of(valid, f"{local}_valid")
    places = write.emit("Add", [total, write.constant(first, f"{local}_places")], f"{local}_kept")
    index = write.emit("Cast", [places], f"{local}_index", to=7)
    write.emit("Gather", [both, index], local, output, axis=axis)
