"""Concat and Pad: what stands beside a value, in front of it and behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.operators.edges import edges
from gru_lower.passes.stream.operators.elementwise import one_frame, refuse_latest, same_merging
from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.timing import Length
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Array, Streamer
    from gru_lower.passes.stream.timing import Timed


def concat(streamer: Streamer, node: Node) -> None:
    """Stream a Concat."""
    timed = node.timed(streamer)
    first = next(iter(timed.values()))
    axis = node.attributes.get("axis", 0) % len(first.dims)
    if any(each.axis != first.axis for each in timed.values()):
        raise Refused("GL852", "time runs along different axes of what it joins")
    if axis == first.axis and len(timed) > 1:
        _behind_first_frames(streamer, node, timed, axis)
        return
    timed = {
        index: streamer.ready(each, node.local) if each.edge is not None else each for index, each in timed.items()
    }
    if axis == first.axis:
        _along_time(streamer, node, timed, axis)
        return
    timed = same_merging(streamer, timed)
    ready = {index: streamer.ready(each, node.local) for index, each in timed.items()}
    joined = dict(zip(ready, streamer.aligned(list(ready.values()), node.local), strict=True))
    like = next(iter(joined.values()))
    inputs = [joined[i].name if i in joined else _beside(streamer, name, like) for i, name in enumerate(node.inputs)]
    node.copied(streamer, inputs)
    tame = all(each.tame for each in joined.values())
    zero = len(joined) == len(node.inputs) and all(each.fill == 0 for each in joined.values())
    streamer.put(node.output(0), like, first.axis, tame=tame, fill=0.0 if zero else None)


def _beside(streamer: Streamer, name: str, like: Timed) -> str:
    """Return a value that is the same for each frame, with as many frames as come in one push."""
    refuse_latest(streamer, name)
    chunk = like.before * streamer.frames(like) * like.after
    if name in streamer.uniform:
        dims = list(streamer.shape(name))
        known = streamer.known.dims(name)
        if known is None or any(not isinstance(dim, int) for dim in known):
            raise Refused("GL859", f"{name} has open dims", "make them static with --fix-dim")
        dims[like.axis] = chunk
        value = np.broadcast_to(streamer.uniform[name].reshape([1] * len(dims)), dims)
        return streamer.write.constant(np.array(value), f"{name}_frames")
    known_value = streamer.value(name)
    shape = streamer.shape(name)
    if known_value is None:
        if shape[like.axis] == 1 and streamer.frames_at(like) != 1:
            raise Refused("GL853", f"{name} has one frame along axis {like.axis}")
        raise Refused(
            "GL853", f"{name} has {shape[like.axis]} frames along axis {like.axis} that are no part of the stream"
        )
    one_frame(streamer, known_value, like.axis, name)
    frame = np.take(known_value, [0], axis=like.axis)
    return streamer.write.constant(np.repeat(frame, chunk, axis=like.axis), f"{name}_frames")


def _along_time(streamer: Streamer, node: Node, timed: dict[int, Timed], axis: int) -> None:
    """Stream a Concat along time: constants in front of a value and behind it are frames of it."""
    ((index, found),) = timed.items()
    found = streamer.plain(found, node.local)
    if found.axis != axis or found.merged:
        raise Refused("GL855", f"it puts frames beside others along axis {axis}")
    if index == 1 and node.inputs[0] in streamer.kept_states and len(node.inputs) == 2:
        _behind_past(streamer, node, found)
        return
    found = streamer.ready(found, node.local) if found.past is not None else found
    front = [_frames(streamer, name, found, axis) for name in node.inputs[:index]]
    behind = [_frames(streamer, name, found, axis) for name in node.inputs[index + 1 :]]
    left, right = (sum(part.shape[axis] for part in parts) for parts in (front, behind))
    values = np.concatenate([part.reshape(-1) for part in [*front, *behind]]) if front or behind else np.zeros(1)
    if values.size and bool((values == values[0]).all()):
        padded(streamer, node, found, left, right, float(values[0]))
        return
    if behind or found.delay != 0:
        raise Refused(
            "GL855", f"it puts frames of its own along axis {axis}, which is time, beside a stream that is late"
        )
    history = np.concatenate(front, axis=axis)
    streamer.put(
        node.output(0),
        found,
        axis,
        name=found.name,
        delay=-left,
        length=found.length.plus(left),
        history=history,
        tame=found.tame,
    )


def _behind_first_frames(streamer: Streamer, node: Node, timed: dict[int, Timed], axis: int) -> None:
    """Stream a Concat of first frames of some values and all of another behind them."""
    parts = [timed[index] for index in sorted(timed)]
    if len(parts) == len(node.inputs) and all(_repeats_first(part, parts[-1]) for part in parts[:-1]):
        count = sum(part.length.of(0) for part in parts[:-1])
        edges(streamer, node, parts[-1], count, 0, mirrors=False)
        return
    parts = [streamer.ready(part, node.local) for part in parts]
    if len(parts) != len(node.inputs) or not all(part.length.is_constant for part in parts[:-1]):
        raise Refused("GL855", f"it puts one sequence behind the other along axis {axis}, which is time")
    if any(part.merged or part.rate != parts[-1].rate for part in parts):
        raise Refused("GL855", f"it puts frames beside others along axis {axis}")
    counts = [part.length.of(0) for part in parts[:-1]]
    begins = [sum(counts[:place]) for place in range(len(parts))]
    delay = max(0, *(part.delay - begin for part, begin in zip(parts, begins, strict=True)))
    late = [
        streamer.delayed(part, delay + begin, f"{node.local}_{place}")
        for place, (part, begin) in enumerate(zip(parts, begins, strict=True))
    ]
    out, tame = late[-1], all(part.tame for part in parts)
    trailing = len(out.dims) - 1 - axis
    for place in range(len(parts) - 2, -1, -1):
        reached = streamer.begins(replace(out, delay=delay + begins[place + 1]), streamer.frames(out))
        valid = streamer.counters.valid(reached, None, trailing, out.elem_type)
        name = streamer.select(valid, replace(out, tame=tame), late[place].name, f"{node.local}_joined_{place}")
        out = replace(out, name=name)
    out = replace(out, delay=delay, length=parts[-1].length.plus(begins[-1]), fill=None)
    streamer.put(node.output(0), out, axis, name=out.name, tame=tame)


def _repeats_first(part: Timed, whole: Timed) -> bool:
    """Whether a value is the first frame of another one, once or several times over."""
    times = 1 if part.edge is None else part.edge.frames + 1
    once = part.edge is None or not part.edge.mirrors
    same = part.name == whole.name and not whole.merged and whole.edge is None
    return same and once and part.length == Length(((0, times, 1),)) and part.delay + times - 1 == whole.delay


def _behind_past(streamer: Streamer, node: Node, found: Timed) -> None:
    """Note frames behind those that a state of the model's own holds."""
    if found.delay or found.rate != 1:
        raise Refused("GL855", f"{node.inputs[0]} stands along axis {found.axis} beside a stream that is late")
    held = streamer.shape(node.inputs[0])[found.axis]
    streamer.put(
        node.output(0),
        found,
        found.axis,
        name=found.name,
        delay=-held,
        length=found.length.plus(held),
        past=streamer.name(node.inputs[0]),
        tame=found.tame,
    )


def _frames(streamer: Streamer, name: str, found: Timed, axis: int) -> Array:
    refuse_latest(streamer, name)
    value = streamer.known.at.value(name)
    if value is None or streamer.known.follows_time(name) or streamer.known.differs_by_content(name):
        raise Refused("GL855", f"{name} stands beside the stream along axis {axis}, which is time, and is no constant")
    if value.ndim != len(found.dims):
        raise Refused("GL855", f"{name} stands beside the stream along axis {axis}, and has other axes")
    keep = tuple(
        slice(0, 1) if not isinstance(dim, int) and place != axis else slice(None)
        for place, dim in enumerate(found.dims)
    )
    return value[keep]


def pad(streamer: Streamer, node: Node) -> None:
    """Stream a Pad."""
    if set(node.timed(streamer)) != {0}:
        raise Refused("GL853", "how much it pads is different for each frame")
    found = streamer.timed[node.inputs[0]]
    found = streamer.ready(found, node.local) if found.past is not None else found
    pads, fill = _pads(streamer, node, len(found.dims))
    rank = len(found.dims)
    left, right = pads[found.axis], pads[found.axis + rank]
    mode = node.text("mode", "constant")
    others = list(pads)
    others[found.axis] = others[found.axis + rank] = 0
    if (left or right) and (
        mode not in {"constant", "edge", "reflect"} or (mode != "constant" and min(left, right) < 0)
    ):
        streamer.works.append(node.site)
        raise Refused(
            "GL857",
            f"it pads axis {found.axis}, which is time, by {left} and {right} with mode {mode}",
            "pad with zeros in front (mode constant), and train or fine-tune with that",
        )
    if any(others):
        found = streamer.ready(found, node.local)
        found = replace(
            found,
            name=_pad_others(streamer, node, found, others, fill),
            fill=found.fill if found.fill == fill else None,
        )
        dims = list(found.dims)
        for axis in range(rank):
            dim, more = dims[axis], others[axis] + others[axis + rank]
            if more and not isinstance(dim, int):
                raise Refused("GL859", f"it pads axis {axis}, whose length is open", "make it static with --fix-dim")
            if more and isinstance(dim, int):
                dims[axis] = dim + more
        found = replace(found, dims=tuple(dims))
    if not (left or right):
        streamer.put(
            node.output(0),
            found,
            found.axis,
            name=found.name,
            fill=found.fill,
            tame=found.tame,
            history=found.history,
            delay=found.delay,
        )
        return
    plain = streamer.plain(found, node.local)
    if plain.axis != found.axis or plain.merged:
        raise Refused("GL855", f"it pads axis {found.axis}, in which time is merged with other dims")
    if mode != "constant":
        edges(streamer, node, plain, left, right, mirrors=mode == "reflect")
        return
    if left < 0 or right < 0:
        plain = streamer.cropped(plain, max(-left, 0), max(-right, 0))
    padded(streamer, node, plain, max(left, 0), max(right, 0), fill)


def padded(streamer: Streamer, node: Node, found: Timed, left: int, right: int, fill: float) -> None:
    """Note that a value has so many frames more in front and behind, all of the same number."""
    if left or right:
        found = streamer.masked(found, fill, node.local, begin=left > 0, end=right > 0)
    history = None
    delay = found.delay - left
    if delay < 0:
        shape = [dim if isinstance(dim, int) else 1 for dim in found.dims]
        shape[found.axis] = left if found.history is not None else -delay
        history = np.full(shape, fill, dtype_of(found.elem_type))
        if found.history is not None:
            history = np.concatenate([history, found.history], axis=found.axis)
    length = found.length.plus(left + right)
    inside = fill if found.fill == fill else None
    streamer.put(
        node.output(0),
        found,
        found.axis,
        name=found.name,
        delay=delay,
        length=length,
        history=history,
        fill=inside,
        tame=found.tame,
    )


def _pads(streamer: Streamer, node: Node, rank: int) -> tuple[list[int], float]:
    """Return the pads of every axis, and what they hold."""
    if "pads" in node.attributes:
        return list(node.attributes["pads"]), float(node.attributes.get("value", 0.0))
    given = streamer.value(node.input(1))
    if given is None:
        raise Refused("GL859", "how much it pads is not constant")
    fill = 0.0
    if node.input(2):
        value = streamer.value(node.input(2))
        if value is None:
            raise Refused("GL859", "what it pads with is not constant")
        fill = float(value.reshape(-1)[0]) if value.size else 0.0
    pads = [int(each) for each in given.reshape(-1)]
    if node.input(3):
        axes = streamer.value(node.input(3))
        if axes is None:
            raise Refused("GL859", "its axes are not constant")
        whole = [0] * 2 * rank
        for place, axis in enumerate(axes.reshape(-1)):
            whole[int(axis) % rank], whole[int(axis) % rank + rank] = pads[place], pads[place + len(axes)]
        pads = whole
    return pads, fill


def _pad_others(streamer: Streamer, node: Node, found: Timed, pads: list[int], fill: float) -> str:
    output = streamer.write.names.value(f"{node.local}_other_axes")
    if "pads" in node.attributes:
        node.copied(streamer, [found.name], [output], pads=pads)
        return output
    given = streamer.write.constant(np.array(pads, np.int64), f"{node.local}_pads")
    inputs = [found.name, given]
    if node.text("mode", "constant") == "constant":
        inputs.append(streamer.write.constant(np.array(fill, dtype_of(found.elem_type)), f"{node.local}_fill"))
    node.copied(streamer, inputs, [output])
    return output
