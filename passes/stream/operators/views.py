"""Operators that move elements about: time goes to another axis, into one with others, or out of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.refusal import Refused, WantsChunk
from gru_lower.passes.stream.sizes import compute
from gru_lower.passes.stream.timing import Edge, Length

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Array, Streamer
    from gru_lower.passes.stream.timing import Timed


def _only(streamer: Streamer, node: Node, index: int = 0) -> Timed:
    timed = streamer.timed.get(node.input(index))
    if timed is None:
        raise Refused("GL853", f"input {index} follows time where none is expected")
    return timed


def _moved_history(streamer: Streamer, node: Node, timed: Timed) -> Array | None:
    """Return the history behind a view that does not care how many frames there are."""
    if timed.history is None:
        return None
    rest = [streamer.value(name) for name in node.inputs[1:] if name]
    if any(value is None for value in rest):
        return None
    results = compute(
        node.proto, [timed.history, *(value for value in rest if value is not None)], streamer.scope.opsets
    )
    return None if results is None else results[0]


def _view(streamer: Streamer, node: Node, timed: Timed) -> tuple[Timed, Array | None]:
    history = _moved_history(streamer, node, timed)
    if timed.past is not None:
        if node.op_type == "Squeeze" and _axes(streamer, node) is None:
            return streamer.ready(timed, node.local), None
        return replace(timed, past=node.of_past(streamer, timed)), None
    if timed.history is not None and history is None:
        timed = streamer.ready(timed, node.local)
    return timed, history


def transpose(streamer: Streamer, node: Node) -> None:
    """Stream a Transpose."""
    timed, history = _view(streamer, node, _only(streamer, node))
    perm = list(node.attributes.get("perm", range(len(timed.dims))[::-1]))
    node.copied(streamer, [timed.name])
    streamer.put(
        node.output(0),
        timed,
        perm.index(timed.axis),
        history=history,
        past=timed.past,
        edge=timed.edge,
        fill=timed.fill,
    )


def squeeze(streamer: Streamer, node: Node) -> None:
    """Stream a Squeeze; without axes it would take time along where there is one frame."""
    timed, history = _view(streamer, node, _only(streamer, node))
    given = _axes(streamer, node)
    dims = streamer.shape(node.input(0))
    axes = (
        [axis for axis, dim in enumerate(dims) if dim == 1] if given is None else [axis % len(dims) for axis in given]
    )
    if timed.axis in axes and timed.length.is_constant:
        raise Refused("GL855", f"it takes single frames out of axis {timed.axis}, which is time")
    if timed.axis in axes:
        raise Refused("GL853", f"it takes axis {timed.axis} away, which is time")
    streamer.write.axes_node("Squeeze", timed.name, axes, node.local, node.output(0))
    axis = timed.axis - sum(each < timed.axis for each in axes)
    streamer.put(node.output(0), timed, axis, history=history, past=timed.past, edge=timed.edge, fill=timed.fill)


def unsqueeze(streamer: Streamer, node: Node) -> None:
    """Stream an Unsqueeze."""
    timed, history = _view(streamer, node, _only(streamer, node))
    rank = len(streamer.shape(node.output(0)))
    added = {axis % rank for axis in _axes(streamer, node) or ()}
    node.copied(streamer, [timed.name, *[streamer.name(name) for name in node.inputs[1:]]])
    axis = [axis for axis in range(rank) if axis not in added][timed.axis]
    streamer.put(node.output(0), timed, axis, history=history, past=timed.past, edge=timed.edge, fill=timed.fill)


def _axes(streamer: Streamer, node: Node) -> list[int] | None:
    if "axes" in node.attributes:
        return list(node.attributes["axes"])
    if not node.input(1):
        return None
    value = streamer.value(node.input(1))
    if value is None:
        raise Refused("GL859", "its axes are not constant")
    return [int(axis) for axis in value.reshape(-1)]


def reshape(streamer: Streamer, node: Node) -> None:
    """Stream a Reshape or Flatten: time may be merged with other dims, split off, or be cut into groups of frames."""
    timed = _only(streamer, node)
    timed = streamer.ready(timed, node.local)
    dims = streamer.known.dims(node.output(0))
    if dims is None:
        raise Refused("GL859", f"the shape of {node.output(0)} cannot be worked out")
    sizes = streamer.shape(node.output(0))
    into = regrouped(streamer, timed, sizes)
    if streamer.known.is_open and into.axis not in streamer.known.grows(node.output(0)):
        raise Refused(
            "GL853",
            f"axis {into.axis} of what it makes is {sizes[into.axis]}, however many frames there are",
            "export the model for sequences of any length",
        )
    if into.rate < timed.rate:
        group = int(timed.rate / into.rate)
        chunk = streamer.frames(timed)
        if chunk % group:
            raise WantsChunk(group // np.gcd(group, chunk), f"it makes one frame of {group} along axis {into.axis}")
        timed = streamer.delayed(timed, -(-timed.delay // group) * group, node.local)
    streamer.put(
        node.output(0),
        timed,
        into.axis,
        before=into.before,
        after=into.after,
        rate=into.rate,
        delay=int(timed.delay * into.rate / timed.rate),
        length=into.length,
        fill=timed.fill,
    )
    found = streamer.timed[node.output(0)]
    streamer.reshaped(timed.name, found, node.local, node.output(0))


def regrouped(streamer: Streamer, timed: Timed, sizes: tuple[int, ...]) -> Timed:
    """Return where time runs after a reshape, and how fast.

    Time is what counts in the strides from ``inner`` up to ``inner * frames`` of the flattened value.

    Raises:
        Refused: It is taken apart.

    """
    if timed.length.is_constant:
        raise Refused("GL855", f"it reshapes the first {timed.length.of(0)} frames along axis {timed.axis}")
    shape = streamer.shape_of(timed)
    frames = streamer.frames_at(timed)
    inner = int(np.prod(shape[timed.axis + 1 :], dtype=np.int64)) * timed.after
    stride = 1
    for axis in range(len(sizes) - 1, -1, -1):
        size = sizes[axis]
        if size > 1 and stride * size > inner:
            if stride <= inner and inner % stride == 0:
                after = inner // stride
                if size % (frames * after) == 0:
                    return timed.named("", axis=axis, before=size // (frames * after), after=after)
            elif stride > inner and stride % inner == 0 and frames % (stride // inner) == 0:
                group = stride // inner
                if size % (frames // group) == 0:
                    length = timed.length.then(1, 0, group)
                    return timed.named(
                        "", axis=axis, rate=timed.rate / group, length=length, before=size * group // frames, after=1
                    )
        stride *= size
    raise Refused("GL855", f"it takes axis {timed.axis}, which is time, apart")


def expand(streamer: Streamer, node: Node) -> None:
    """Stream an Expand: along time, what comes stays as it is."""
    timed = _only(streamer, node)
    timed = streamer.ready(timed, node.local)
    dims = streamer.known.dims(node.output(0))
    if dims is None:
        raise Refused("GL859", f"the shape of {node.output(0)} cannot be worked out")
    axis = timed.axis + len(dims) - len(timed.dims)
    if _repeats_first(streamer, node, timed, axis):
        return
    own = [1] * (len(dims) - len(timed.dims)) + list(timed.dims)
    wanted: list[int] = []
    for place, (dim, before) in enumerate(zip(dims, own, strict=True)):
        if place == axis or dim == before:
            wanted.append(1)
        elif isinstance(dim, int):
            wanted.append(dim)
        else:
            raise Refused("GL859", f"axis {place} is repeated an open number of times", "make it static with --fix-dim")
    given = streamer.write.constant(np.array(wanted, np.int64), f"{node.local}_dims")
    streamer.write.emit("Expand", [timed.name, given], node.local, node.output(0))
    streamer.put(node.output(0), timed, axis, fill=timed.fill)


def _repeats_first(streamer: Streamer, node: Node, timed: Timed, axis: int) -> bool:
    """Note the first frame of a value several times over, and nothing else repeated; return whether it is that."""
    sizes, before = streamer.shape(node.output(0)), streamer.shape(node.input(0))
    times = sizes[axis]
    others = [size for place, size in enumerate(sizes) if place != axis]
    if timed.length != Length(((0, 1, 1),)) or times == 1 or timed.merged:
        return False
    if len(sizes) != len(before) or others != [size for place, size in enumerate(before) if place != axis]:
        return False
    streamer.put(
        node.output(0),
        timed,
        axis,
        name=timed.name,
        delay=timed.delay + 1 - times,
        length=Length(((0, times, 1),)),
        edge=Edge(times - 1, mirrors=False),
        tame=timed.tame,
    )
    return True


def tile(streamer: Streamer, node: Node) -> None:
    """Stream a Tile that does not repeat time."""
    timed = streamer.ready(_only(streamer, node), node.local)
    repeats = streamer.value(node.input(1))
    if repeats is None:
        raise Refused("GL859", "how often it repeats is not constant")
    if int(repeats[timed.axis]) != 1 and _repeats_first(streamer, node, timed, timed.axis):
        return
    if int(repeats[timed.axis]) != 1:
        raise Refused("GL855", f"it repeats the whole sequence along axis {timed.axis}")
    node.copied(streamer, [timed.name, streamer.name(node.input(1))])
    streamer.put(node.output(0), timed, timed.axis, fill=timed.fill)


def space_and_depth(streamer: Streamer, node: Node) -> None:
    """Stream DepthToSpace or SpaceToDepth where time is the batch."""
    timed = streamer.ready(_only(streamer, node), node.local)
    if timed.axis != 0:
        raise Refused("GL855", f"it takes axis {timed.axis}, which is time, apart")
    node.copied(streamer, [timed.name])
    streamer.put(node.output(0), timed, 0)
