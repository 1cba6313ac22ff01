"""Slice, Gather and Split: time may be cut at its begin and end, or thinned out; the last frame is the latest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.stream.operators.latest import following_past, latest_frame
from gru_lower.passes.stream.operators.windows import windows
from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.timing import Length

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed

Ends = tuple[int, int]


@dataclass(frozen=True)
class Cut:
    """What a Slice does along one axis, for sequences of one length and of twice that.

    Attributes:
        start: The first entry, for either.
        stop: The one behind the last, for either.
        step: The step.
        size: How many entries there are, for either.

    """

    start: Ends
    stop: Ends
    step: int
    size: Ends

    @property
    def from_end(self) -> int:
        """How many entries are cut off the end, whatever the length; 0 where that depends on it."""
        left = self.size[0] - self.stop[0], self.size[1] - self.stop[1]
        return left[0] if left[0] == left[1] and self.step == 1 else 0


def read_slice(streamer: Streamer, node: NodeProto) -> dict[int, Cut] | None:
    """Return what a Slice does along each axis it names, ``None`` where that is not known."""
    known = streamer.known
    sizes = known.pair_of_shapes(node.input[0])
    if sizes is None:
        return None
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if "starts" in attributes:
        starts = ends = None
        starts, ends = attributes["starts"], attributes["ends"]
        axes = attributes.get("axes", list(range(len(starts))))
        rows = [((start, start), (end, end), axis, 1) for start, end, axis in zip(starts, ends, axes, strict=True)]
    else:
        pairs = [known.pair(name) if name else None for name in [*node.input[1:], "", ""][:4]]
        if (
            pairs[0] is None
            or pairs[1] is None
            or any(pair is None for pair, name in zip(pairs, node.input[1:], strict=False) if name)
        ):
            return None
        count = len(pairs[0][0].reshape(-1))
        axes = list(range(count)) if pairs[2] is None else [int(axis) for axis in pairs[2][0].reshape(-1)]
        steps = [1] * count if pairs[3] is None else [int(step) for step in pairs[3][0].reshape(-1)]
        one, two = ([pair[which].reshape(-1) for pair in pairs[:2] if pair is not None] for which in (0, 1))
        rows = [
            ((int(one[0][i]), int(two[0][i])), (int(one[1][i]), int(two[1][i])), axes[i], steps[i])
            for i in range(count)
        ]
    found: dict[int, Cut] = {}
    for start, stop, axis, step in rows:
        size = sizes[0][axis], sizes[1][axis]
        begin = tuple(_index(each, length, step) for each, length in zip(start, size, strict=True))
        end = tuple(_index(each, length, step) for each, length in zip(stop, size, strict=True))
        found[axis % len(sizes[0])] = Cut((begin[0], begin[1]), (end[0], end[1]), step, size)
    return found


def _index(given: int, size: int, step: int) -> int:
    lowest = 0 if step > 0 else -1
    return min(max(given + size if given < 0 else given, lowest), size)


def slice_(streamer: Streamer, node: Node) -> None:
    """Stream a Slice."""
    timed = streamer.timed.get(node.inputs[0])
    cuts = read_slice(streamer, node.proto)
    if timed is None or cuts is None or set(node.timed(streamer)) != {0}:
        raise Refused("GL859", "where it cuts is not constant")
    others = {axis: cut for axis, cut in cuts.items() if axis != timed.axis}
    cut = cuts.get(timed.axis)
    if cut is not None and (timed.merged or timed.history is not None):
        if timed.merged and cut.start == (0, 0) and cut.stop == cut.size and cut.step == 1:
            cut = None
        else:
            timed = streamer.plain(timed, node.local)
            if timed.merged or timed.axis != streamer.timed[node.inputs[0]].axis:
                raise Refused("GL855", f"it cuts axis {timed.axis}, in which time is merged with other dims")
    timed = streamer.ready(timed, node.local) if others and timed.history is not None else timed
    name = _other_axes(streamer, node, timed, others)
    if cut is None:
        streamer.put(node.output(0), timed, timed.axis, name=name, edge=timed.edge, fill=timed.fill, tame=timed.tame)
        return
    _along_time(streamer, node, replace(timed, name=name), cut, node.output(0))


def _other_axes(streamer: Streamer, node: Node, timed: Timed, cuts: dict[int, Cut]) -> str:
    name = timed.name
    for axis, cut in cuts.items():
        if cut.start == (0, 0) and cut.stop == cut.size and cut.step == 1:
            continue
        if cut.start[0] != cut.start[1] or cut.stop[0] != cut.stop[1]:
            raise Refused("GL853", f"where it cuts axis {axis} depends on how many frames there are")
        stop: int | None = cut.stop[0]
        if stop == cut.size[0] or (stop is not None and stop < 0):
            stop = None if cut.step > 0 else -cut.size[0] - 1
        start = cut.start[0] if cut.step > 0 else cut.start[0] - cut.size[0]
        name = streamer.write.slice(name, axis, start, stop, node.local, None, cut.step)
    return name


def _along_time(streamer: Streamer, node: Node, timed: Timed, cut: Cut, output: str) -> None:
    axis = timed.axis
    begins = cut.start[0] == cut.start[1]
    ends = cut.size[0] - cut.stop[0] == cut.size[1] - cut.stop[1]
    behind = [size - start for size, start in zip(cut.size, cut.start, strict=True)]
    if cut.step < 0:
        raise Refused("GL854", f"it turns axis {axis}, which is time, around")
    # Of a sequence of one length only, a small part at its begin is first frames, rather than all but the last ones.
    first_few = not streamer.known.is_open and cut.start[0] == 0 and 4 * cut.stop[0] <= cut.size[0]
    if first_few and cut.step == 1 and not timed.merged:
        _first_frames(streamer, streamer.ready(timed, node.local), cut, output)
        return
    if timed.past is not None and behind == [-timed.delay] * 2 and cut.stop == cut.size and cut.step == 1:
        following_past(streamer, node, timed, output)
        return
    if behind == [1, 1] and cut.stop == cut.size:
        latest_frame(streamer, node, timed, output, keepdims=True)
        return
    if not begins and ends and behind[0] == behind[1]:
        raise Refused(
            "GL851", f"it takes the last {cut.stop[0] - cut.start[0]} frames of the sequence along axis {axis}"
        )
    if begins and cut.stop[0] == cut.stop[1] and cut.step == 1 and not timed.merged:
        _first_frames(streamer, streamer.ready(timed, node.local), cut, output)
        return
    if not begins or not ends:
        raise Refused(
            "GL855", f"it takes a part of axis {axis}, which is time, that is the same however long the sequence is"
        )
    first, last = cut.start[0], cut.size[0] - cut.stop[0]
    if cut.step == 1:
        kept = streamer.cropped(timed, first, last)
        past = timed.past and streamer.write.slice(timed.past, axis, first, None, f"{node.local}_past")
        past = past if kept.delay < 0 else None
        streamer.put(
            output, kept, axis, name=kept.name, history=kept.history, past=past, edge=kept.edge, tame=timed.tame
        )
        return
    timed = streamer.cropped(timed, first, last)
    streamer.works.append(node.site)
    read, out = streamer.window(timed, 0, cut.step, 0, 0, 0.0, node.local)
    streamer.write.slice(read.name, axis, 0, None, node.local, output, cut.step)
    streamer.put(output, out, axis, tame=timed.tame)


def _first_frames(streamer: Streamer, timed: Timed, cut: Cut, output: str) -> None:
    """Note the first frames of a value, which may stand in front of others."""
    kept = streamer.cropped(timed, cut.start[0], 0)
    length = Length(((0, cut.stop[0] - cut.start[0], 1),))
    streamer.put(output, kept, kept.axis, name=kept.name, length=length, tame=timed.tame)


def gather(streamer: Streamer, node: Node) -> None:
    """Stream a Gather: a lookup of each frame, a choice along another axis, or the last frame."""
    timed = node.timed(streamer)
    rank = len(streamer.shape(node.inputs[0]))
    axis = node.attributes.get("axis", 0) % rank
    if set(timed) == {1}:
        found = streamer.ready(timed[1], node.local)
        node.copied(streamer, [streamer.name(node.inputs[0]), found.name])
        streamer.put(node.output(0), found, axis + found.axis, tame=found.tame)
        return
    if set(timed) == {0, 1} and windows(streamer, node, streamer.ready(timed[0], node.local), axis):
        return
    if set(timed) != {0}:
        raise Refused("GL853", "what it looks up in, and what for, are both different for each frame")
    found = streamer.ready(timed[0], node.local)
    if found.axis != axis:
        indices = len(streamer.shape(node.inputs[1]))
        node.copied(streamer, [found.name, streamer.name(node.inputs[1])])
        streamer.put(
            node.output(0), found, found.axis + (indices - 1) * (axis < found.axis), fill=found.fill, tame=found.tame
        )
        return
    pair, sizes = streamer.known.pair(node.inputs[1]), streamer.known.pair_of_shapes(node.inputs[0])
    if pair is not None and sizes is not None and pair[0].size == 1:
        places = [int(index.reshape(-1)[0]) for index in pair]
        behind = [size[axis] - (place % size[axis]) for place, size in zip(places, sizes, strict=True)]
        if behind == [1, 1] and not found.merged:
            latest_frame(streamer, node, found, node.output(0), keepdims=pair[0].ndim == 1)
            return
    if not windows(streamer, node, found, axis):
        raise Refused("GL855", f"it takes single frames out of axis {axis}, which is time")


def split(streamer: Streamer, node: Node) -> None:
    """Stream a Split: along time each part is a Slice."""
    timed = streamer.timed[node.inputs[0]]
    axis = node.attributes.get("axis", 0) % len(timed.dims)
    if axis == timed.axis:
        _split_time(streamer, node, timed)
        return
    timed = streamer.ready(timed, node.local)
    if node.input(1) and streamer.value(node.input(1)) is None:
        raise Refused("GL859", "the lengths of its parts are not constant")
    lengths = [streamer.shape(name)[axis] if name else 0 for name in node.outputs]
    if node.input(1):
        given = streamer.write.constant(np.array(lengths, np.int64), f"{node.local}_lengths")
        node.copied(streamer, [timed.name, given])
    else:
        node.copied(streamer, [timed.name])
    for output in filter(None, node.outputs):
        streamer.put(output, timed, timed.axis, fill=timed.fill, tame=timed.tame)


def _split_time(streamer: Streamer, node: Node, timed: Timed) -> None:
    axis = timed.axis
    sizes = streamer.known.pair_of_shapes(node.inputs[0])
    parts = [streamer.known.pair_of_shapes(name) for name in node.outputs if name]
    if sizes is None or len(parts) != len(node.outputs) or timed.merged:
        raise Refused("GL855", f"it cuts axis {axis}, which is time, into pieces")
    begin = 0, 0
    for output, part in zip(node.outputs, parts, strict=True):
        if part is None:
            raise Refused("GL859", "the lengths of its parts are not constant")
        end = begin[0] + part[0][axis], begin[1] + part[1][axis]
        if not streamer.skips(output):
            _along_time(streamer, node, timed, Cut(begin, end, 1, (sizes[0][axis], sizes[1][axis])), output)
        begin = end
