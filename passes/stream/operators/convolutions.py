"""Conv, ConvTranspose and pooling: windows over time keep the frames they need, what they look ahead becomes delay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.operators.crops import cropped_at_end
from gru_lower.passes.stream.refusal import Refused, WantsChunk
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


def conv(streamer: Streamer, node: Node) -> None:
    """Stream a Conv."""
    if set(node.timed(streamer)) != {0}:
        raise Refused("GL853", "its weights are different for each frame")
    kernel = node.attributes.get("kernel_shape") or list(streamer.shape(node.input(1))[2:])
    _windowed(streamer, node, kernel, 0.0)


def pool(streamer: Streamer, node: Node) -> None:
    """Stream MaxPool, AveragePool or LpPool."""
    if node.output(1):
        raise Refused("GL855", "its Indices count through the whole sequence")
    dtype = dtype_of(streamer.known.elem_type(node.input(0)))
    lowest = 0.0
    if node.op_type == "MaxPool":
        lowest = float(np.finfo(dtype).min if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).min)
    _windowed(streamer, node, node.attributes["kernel_shape"], lowest)


def global_pool(streamer: Streamer, node: Node) -> None:
    """Stream a pool over all of each frame."""
    timed = streamer.ready(streamer.timed[node.inputs[0]], node.local)
    if timed.axis > 1:
        raise Refused("GL851", f"it pools over axis {timed.axis}, which is time: every output needs every frame")
    node.copied(streamer, [timed.name])
    streamer.put(node.output(0), timed, timed.axis, tame=timed.tame)


def _windowed(streamer: Streamer, node: Node, kernel: list[int], fill: float) -> None:
    timed = streamer.timed[node.inputs[0]]
    rest = [streamer.name(name) for name in node.inputs[1:]]
    if timed.axis < 2:
        _by_frame(streamer, node, timed, rest)
        return
    at = timed.axis - 2
    spatial = len(kernel)
    stride = node.attributes.get("strides", [1] * spatial)[at]
    reach = (kernel[at] - 1) * node.attributes.get("dilations", [1] * spatial)[at]
    left, right = _pads(node, at, spatial, stride, reach)
    full = right
    if node.attributes.get("ceil_mode", 0) and stride > 1:
        if node.op_type != "MaxPool" or left or right or stride > reach + 1:
            raise Refused("GL857", f"ceil_mode along axis {timed.axis}, which is time", "export it with ceil_mode=0")
        right = full = stride - 1
    unused = min(cropped_at_end(streamer, node.output(0)), right) if stride == 1 else 0
    if reach or stride > 1:
        streamer.works.append(node.site)
    read, out = streamer.window(timed, reach, stride, left, full, fill, node.local, unused)
    changes: dict[str, Any] = {"auto_pad": None} if "auto_pad" in node.attributes else {}
    if node.attributes.get("ceil_mode", 0) and stride > 1:
        _refuse_ceil_elsewhere(node, at, spatial)
        changes["ceil_mode"] = 0
    pads = _all_pads(streamer, node, timed, kernel, at)
    if any(pads) or "pads" in node.attributes or changes:
        changes["pads"] = pads
    leaves_out = node.op_type == "AveragePool" and (left or right) and not node.attributes.get("count_include_pad", 0)
    if leaves_out:
        window = reach, stride, left, full, unused
        _average_without_padding(streamer, node, timed, read.name, window, changes)
    else:
        whole = node.output(0) if out.past is None else streamer.write.names.value(f"{node.local}_with_past")
        node.copied(streamer, [read.name, *rest], [whole], **changes)
        if out.past is not None:
            past = streamer.split_past(out, timed.axis, whole, node.output(0), node.local)
            streamer.put(node.output(0), out, timed.axis, tame=timed.tame, past=past)
            return
    # What lies outside is the least number there is: whatever is computed of it may be infinite.
    tame = timed.tame and (node.op_type != "MaxPool" or not (left or right))
    streamer.put(node.output(0), out, timed.axis, tame=tame)


def _average_without_padding(
    streamer: Streamer,
    node: Node,
    timed: Timed,
    read: str,
    window: tuple[int, int, int, int, int],
    changes: dict[str, Any],
) -> None:
    """Write an average as one with padding, over the average of what is 1 inside and 0 in the padding."""
    write, local = streamer.write, node.local
    reach, stride, left, right, unused = window
    plain = streamer.plain(timed, local)
    dims = [1, 1, *plain.dims[2:]]
    shape = [streamer.frames(plain) if axis == plain.axis else dim for axis, dim in enumerate(dims)]
    if any(not isinstance(dim, int) for dim in shape):
        raise Refused("GL859", "it averages over an axis that is open beside time", "make it static with --fix-dim")
    ones = write.constant(np.ones([int(str(dim)) for dim in shape], dtype_of(timed.elem_type)), f"{local}_ones")
    inside = replace(plain, name=ones, dims=tuple(dims), fill=None, history=None, tame=True)
    if plain.delay < 0:
        raise Refused(
            "GL857", f"an average along axis {timed.axis}, which is time, that leaves padding out behind a Pad"
        )
    counted, _ = streamer.window(inside, reach, stride, left, right, 0.0, f"{local}_inside", unused)
    names = [write.names.value(f"{local}_{what}") for what in ("padded", "share")]
    for source, name in zip((read, counted.name), names, strict=True):
        node.copied(streamer, [source], [name], **{**changes, "count_include_pad": 1})
    # Before the begin there may be nothing inside: what comes of that is not read, and has to be a number all the same.
    least = np.array(0.5 / np.prod(node.attributes["kernel_shape"]), dtype_of(timed.elem_type))
    share = write.emit("Max", [names[1], write.constant(least, f"{local}_least")], f"{local}_at_least")
    write.emit("Div", [names[0], share], local, node.output(0))


def _refuse_ceil_elsewhere(node: Node, at: int, spatial: int) -> None:
    strides = node.attributes.get("strides", [1] * spatial)
    if any(stride > 1 for axis, stride in enumerate(strides) if axis != at):
        raise Refused("GL857", "ceil_mode along time and other axes", "export it with ceil_mode=0")


def _by_frame(streamer: Streamer, node: Node, timed: Timed, rest: list[str]) -> None:
    """Stream an operator over the other axes, for which frames are a batch."""
    timed = streamer.ready(timed, node.local)
    if timed.axis == 1:
        raise Refused(
            "GL851",
            "axis 1, which is time, is its channels: every output needs every frame",
            "say which axis is time with --time NAME:AXIS",
        )
    node.copied(streamer, [timed.name, *rest])
    streamer.put(node.output(0), timed, 0, tame=timed.tame)


def _pads(node: Node, at: int, spatial: int, stride: int, reach: int) -> tuple[int, int]:
    auto = node.text("auto_pad", "NOTSET")
    if auto in {"NOTSET", ""}:
        pads = node.attributes.get("pads", [0] * 2 * spatial)
        return pads[at], pads[at + spatial]
    if auto == "VALID":
        return 0, 0
    if stride > 1:
        raise Refused(
            "GL857",
            f"auto_pad {auto} along time with a stride depends on how many frames there are",
            "export it with explicit pads",
        )
    less, more = reach // 2, reach - reach // 2
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def _all_pads(streamer: Streamer, node: Node, timed: Timed, kernel: list[int], at: int) -> list[int]:
    """Return the pads of all axes as numbers, none along time."""
    spatial = len(kernel)
    auto = node.text("auto_pad", "NOTSET")
    pads = [0] * 2 * spatial
    if auto in {"NOTSET", ""}:
        pads = list(node.attributes.get("pads", pads))
    elif auto != "VALID":
        shape, made = streamer.shape_of(timed)[2:], streamer.shape(node.output(0))[2:]
        strides = node.attributes.get("strides", [1] * spatial)
        dilations = node.attributes.get("dilations", [1] * spatial)
        for axis in range(spatial):
            whole = max(0, (made[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - shape[axis])
            less, more = whole // 2, whole - whole // 2
            pads[axis], pads[axis + spatial] = (less, more) if auto == "SAME_UPPER" else (more, less)
    pads[at] = pads[at + spatial] = 0
    return pads


def conv_transpose(streamer: Streamer, node: Node) -> None:
    """Stream a ConvTranspose: frames that later ones still add to are given out once these have come."""
    if set(node.timed(streamer)) != {0}:
        raise Refused("GL853", "its weights are different for each frame")
    timed = streamer.timed[node.inputs[0]]
    rest = [streamer.name(name) for name in node.inputs[1:]]
    if timed.axis < 2:
        _by_frame(streamer, node, timed, rest)
        return
    kernel = node.attributes.get("kernel_shape") or list(streamer.shape(node.input(1))[2:])
    spatial, at = len(kernel), timed.axis - 2
    stride = node.attributes.get("strides", [1] * spatial)[at]
    reach = (kernel[at] - 1) * node.attributes.get("dilations", [1] * spatial)[at]
    extra = node.attributes.get("output_padding", [0] * spatial)[at]
    if node.text("auto_pad", "NOTSET") not in {"NOTSET", "", "VALID"} or "output_shape" in node.attributes:
        raise Refused(
            "GL857",
            "auto_pad or output_shape along time depends on how many frames there are",
            "export it with explicit pads",
        )
    pads = list(node.attributes.get("pads", [0] * 2 * spatial))
    left, right = pads[at], pads[at + spatial]
    timed = streamer.ready(streamer.plain(timed, node.local), node.local)
    length = timed.length.then(stride, reach + 1 + extra - left - right - stride, 1)
    unused = min(cropped_at_end(streamer, node.output(0)), max(reach + 1 + extra - right - stride, 0))
    # An output is whole once every frame has come whose window it is in: it is so late that the last one has.
    delay = timed.delay * stride + left
    needed = reach // stride
    source = streamer.masked(timed, 0.0, node.local, begin=needed > 0, end=reach + 1 + extra - right - unused > stride)
    delay += (source.delay - timed.delay) * stride
    chunk, axis = streamer.frames(source), timed.axis
    name = source.name
    if needed:
        cache, following = streamer.keep(
            source, needed, streamer.first_frames(source, -source.delay - needed, needed, 0.0), f"{node.local}_past"
        )
        name = streamer.write.concat([cache, name], axis, f"{node.local}_window")
        streamer.write.slice(name, axis, chunk, chunk + needed, f"{node.local}_keep", following)
        streamer.works.append(node.site)
    out = replace(source, rate=timed.rate * stride, delay=delay, length=length, fill=None)
    whole = (chunk + needed - 1) * stride + reach + 1
    pads[at] = needed * stride
    pads[at + spatial] = max(whole - needed * stride - chunk * stride, 0)
    grown = chunk * stride - (whole - needed * stride)
    changes: dict[str, Any] = {"pads": pads, "auto_pad": None}
    if extra or grown > 0:
        given = list(node.attributes.get("output_padding", [0] * spatial))
        given[at] = max(grown, 0)
        changes["output_padding"] = given
    node.copied(streamer, [name, *rest], **changes)
    if out.rate * streamer.chunk != int(out.rate * streamer.chunk):
        raise WantsChunk((out.rate * streamer.chunk).denominator, "it has no whole number of frames")
    streamer.put(node.output(0), out, axis, tame=timed.tame)
