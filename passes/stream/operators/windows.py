"""A Gather of frames that follow each other: windows over time, as sliding windows are exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Array, Streamer
    from gru_lower.passes.stream.timing import Timed


def windows(streamer: Streamer, node: Node, found: Timed, axis: int) -> bool:
    """Stream a Gather along time whose indices go on by the same from entry to entry of one axis.

    Returns:
        Whether it is one.

    """
    known = streamer.known
    pair, grown = known.pair(node.inputs[1]), known.grows(node.inputs[1])
    if pair is None or found.merged:
        return False
    axes = grown if known.is_open else range(pair[0].ndim)
    return any(_along(streamer, node, found, axis, pair, along) for along in axes)


def _along(streamer: Streamer, node: Node, found: Timed, axis: int, pair: tuple[Array, Array], along: int) -> bool:
    read = [_steps(indices, along) for indices in pair]
    if read[0] is None or read[1] is None or read[0][1] != read[1][1]:
        return False
    (offsets, step), count = read[0], pair[0].shape[along]
    if not np.array_equal(offsets, read[1][0]) or offsets.min() < 0 or step < 1:
        return False
    first, reach = int(offsets.min()), int(offsets.max() - offsets.min())
    lengths = [streamer.known.frames * times for times in (1, 2 if streamer.known.is_open else 1)]
    ends = {
        (found.length.of(frames) - first - reach - 1) // step + 1 - indices.shape[along]
        for frames, indices in zip(lengths, pair, strict=True)
    }
    if len(ends) != 1 or min(ends) < 0:
        return False
    cut = streamer.cropped(found, first, min(ends) * step)
    given, out = streamer.window(cut, reach, step, 0, 0, 0.0, node.local)
    if out.length.of(streamer.known.frames) != count:
        return False
    if reach or step > 1:
        streamer.works.append(node.site)
    within = np.arange(streamer.frames(out)) * step
    places = within.reshape([-1 if place == along else 1 for place in range(offsets.ndim)]) + offsets - first
    index = streamer.write.constant(places.astype(np.int64), f"{node.local}_places")
    node.copied(streamer, [given.name, index])
    streamer.put(node.output(0), out, axis + along, tame=found.tame)
    return True


def _steps(indices: Array, along: int) -> tuple[Array, int] | None:
    """Return the first entries along an axis, and by how much each next one is larger."""
    first = np.take(indices, [0], axis=along)
    steps = np.diff(indices, axis=along)
    if not steps.size or (steps != steps.reshape(-1)[0]).any():
        return None
    return first, int(steps.reshape(-1)[0])
