"""Padding along time that repeats the first and last frame, or mirrors those next to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.masks import least_frames
from gru_lower.passes.stream.timing import Edge

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


def edges(streamer: Streamer, node: Node, plain: Timed, left: int, right: int, *, mirrors: bool) -> None:
    """Stream a Pad along time with mode edge, or with mode reflect.

    In front, the padding is written by whoever reads it, once the frames that it is made of have come: so a causal
    convolution behind it needs no delay. Behind, it is written here.
    """
    found = streamer.ready(plain, node.local)
    if right:
        streamer.works.append(node.site)
        found = streamer.foreseen(found, node.local)
        late = _one_by_one if streamer.frames(found) == 1 else _in_chunks
        found = replace(found, name=late(streamer, found, right, node.local, mirrors=mirrors), fill=None)
    changes = {"edge": Edge(left, mirrors)} if left else {}
    length = found.length.plus(left + right)
    delay = found.delay - left
    streamer.put(
        node.output(0), found, found.axis, name=found.name, delay=delay, length=length, tame=found.tame, **changes
    )


def _one_by_one(streamer: Streamer, found: Timed, right: int, local: str, *, mirrors: bool) -> str:
    """Write a frame, or behind the last one that which pads it: k frames behind it, the one 2 k frames before."""
    write, counters, axis = streamer.write, streamer.counters, found.axis
    held = 2 * right if mirrors else 1
    cached = streamer.cast_for_state(found, local)
    cache, following = streamer.keep(cached, held, 0.0, f"{local}_last")
    bounds = [least_frames(found.length, 1 - found.delay - k) for k in range(right if mirrors else 1)]
    masks = [counters.valid(None, [bound], 0, cached.elem_type) for bound in bounds]
    out = cache if not mirrors else write.slice(cache, axis, 0, 1, f"{local}_mirrored_{right}")
    for k in range(len(masks) - 1, 0, -1):
        nearer = write.slice(cache, axis, held - 2 * k, held - 2 * k + 1, f"{local}_mirrored_{k}")
        out = streamer.select(masks[k], replace(cached, name=nearer), out, f"{local}_behind_{k}")
    out = streamer.select(masks[0], cached, out, f"{local}_padded")
    if mirrors:
        kept = write.slice(cache, axis, 1, None, f"{local}_old")
        write.concat([kept, cached.name], axis, f"{local}_keep", following)
    else:
        write.emit("Identity", [out], f"{local}_keep", following)
    return streamer.cast_from_state(out, found, local)


def _in_chunks(streamer: Streamer, found: Timed, right: int, local: str, *, mirrors: bool) -> str:
    """Write the frames of a push, each taken from where it is, or is repeated or mirrored from."""
    write, counters, axis, chunk = streamer.write, streamer.counters, found.axis, streamer.frames(found)
    held = 2 * right if mirrors else 1
    cached = streamer.cast_for_state(found, local)
    cache, following = streamer.keep(cached, held, 0.0, f"{local}_last")
    window = write.concat([cache, cached.name], axis, f"{local}_window")
    behind = right if mirrors else 0
    bounds = [least_frames(found.length, j - found.delay + 1) for j in range(-behind, chunk)]
    count = write.sum_of(counters.valid(None, bounds, 0, counters.elem_type), f"{local}_count")

    def numbers(values: np.ndarray, what: str) -> str:
        return write.constant(values.astype(counters.dtype), f"{local}_{what}")

    places = np.arange(chunk)
    if mirrors:  # the last frame is at count - 1 - right, and a frame as far from its mirror on the other side
        last = write.emit("Sub", [count, numbers(np.array([1 + right]), "one")], f"{local}_last_place")
        away = write.emit(
            "Abs", [write.emit("Sub", [numbers(places, "places"), last], f"{local}_beyond")], f"{local}_away"
        )
        inner = write.emit("Sub", [last, away], f"{local}_inner")
        index = write.emit("Add", [inner, numbers(np.array([held]), "held")], f"{local}_place")
        index = write.emit("Max", [index, numbers(np.array([0]), "least")], f"{local}_from")
    else:
        index = write.emit("Min", [numbers(places + 1, "places"), count], f"{local}_from")
    out = write.emit(
        "Gather", [window, write.emit("Cast", [index], f"{local}_index", to=7)], f"{local}_padded", axis=axis
    )
    if mirrors:
        write.slice(window, axis, chunk, None, f"{local}_keep", following)
    else:
        write.slice(out, axis, chunk - 1, None, f"{local}_keep", following)
    return streamer.cast_from_state(out, found, local)
