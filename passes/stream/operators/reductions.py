"""Reductions, softmax and norms: over other axes than time they act on each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.stream.operators.frame_norms import frame_norm
from gru_lower.passes.stream.refusal import Refused

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed

OVER_TIME = "it {} axis {}, which is time: every output needs every frame"


def _ready(streamer: Streamer, node: Node) -> Timed:
    timed = node.timed(streamer)
    if set(timed) != {0}:
        raise Refused("GL853", "what it scales by is different for each frame")
    return timed[0] if timed[0].past is not None else streamer.ready(timed[0], node.local)


def _copy(streamer: Streamer, node: Node, timed: Timed, axis: int) -> None:
    outputs, past = [name for name in node.outputs if name], None
    if timed.past is not None and outputs == node.outputs[:1]:
        past = node.of_past(streamer, timed)
    elif timed.past is not None:
        timed = streamer.ready(timed, node.local)
    node.copied(streamer, [timed.name, *[streamer.name(name) for name in node.inputs[1:]]])
    for output in outputs:
        streamer.put(output, timed, axis, past=past, tame=timed.tame)


def reduction(streamer: Streamer, node: Node) -> None:
    """Stream ReduceMean and its like, ArgMax and ArgMin."""
    timed = _ready(streamer, node)
    rank = len(timed.dims)
    if "axis" in node.attributes or node.op_type in {"ArgMax", "ArgMin"}:
        axes = [node.attributes.get("axis", 0)]
    elif "axes" in node.attributes:
        axes = list(node.attributes["axes"])
    elif node.input(1):
        value = streamer.value(node.input(1))
        if value is None:
            raise Refused("GL859", "its axes are not constant")
        axes = [int(axis) for axis in value.reshape(-1)]
    else:
        axes = []
    if not axes and not node.attributes.get("noop_with_empty_axes", 0):
        axes = list(range(rank))
    axes = [axis % rank for axis in axes]
    if timed.axis in axes:
        raise Refused("GL851", OVER_TIME.format("reduces", timed.axis))
    keeps = node.attributes.get("keepdims", 1)
    _copy(streamer, node, timed, timed.axis if keeps else timed.axis - sum(axis < timed.axis for axis in axes))


def along_axis(streamer: Streamer, node: Node) -> None:
    """Stream Softmax and its like, LpNormalization and TopK: along one axis."""
    timed = _ready(streamer, node)
    rank = len(timed.dims)
    flat = node.op_type in {"Softmax", "LogSoftmax", "Hardmax"} and streamer.write.opset < 13
    axis = node.attributes.get("axis", 1 if flat else -1) % rank
    if timed.axis == axis or (flat and timed.axis > axis):
        raise Refused("GL851", OVER_TIME.format("compares the entries of", timed.axis))
    _copy(streamer, node, timed, timed.axis)


def from_axis(streamer: Streamer, node: Node) -> None:
    """Stream LayerNormalization and RMSNormalization: over all axes from one on."""
    timed = _ready(streamer, node)
    axis = node.attributes.get("axis", -1) % len(timed.dims)
    if timed.axis >= axis:
        raise Refused("GL851", OVER_TIME.format("norms over", timed.axis))
    _copy(streamer, node, timed, timed.axis)


def by_channel(streamer: Streamer, node: Node) -> None:
    """Stream BatchNormalization in inference, and LRN: each entry by itself or with its neighbours among channels."""
    given = node.timed(streamer)
    inference = not node.attributes.get("training_mode", 0) and not any(node.outputs[1:])
    if node.op_type == "BatchNormalization" and inference and len(given) > 1:
        frame_norm(streamer, node)
        return
    timed = _ready(streamer, node)
    if node.attributes.get("training_mode", 0) or any(node.outputs[1:]):
        raise Refused("GL851", "it is in training: it norms over all of time")
    if timed.axis == 1:
        raise Refused("GL853", "axis 1, which is time, is its channels", "say which axis is time with --time NAME:AXIS")
    _copy(streamer, node, timed, timed.axis)


def over_spatial(streamer: Streamer, node: Node) -> None:
    """Stream InstanceNormalization and GroupNormalization: over all axes from 2 on, and groups of channels."""
    timed = _ready(streamer, node)
    if timed.axis > 0:
        raise Refused("GL851", OVER_TIME.format("norms over", timed.axis))
    _copy(streamer, node, timed, timed.axis)


def over_axes(streamer: Streamer, node: Node) -> None:
    """Stream MeanVarianceNormalization."""
    timed = _ready(streamer, node)
    axes = [axis % len(timed.dims) for axis in node.attributes.get("axes", [0, 2, 3])]
    if timed.axis in axes:
        raise Refused("GL851", OVER_TIME.format("norms over", timed.axis))
    _copy(streamer, node, timed, timed.axis)


def quantised(streamer: Streamer, node: Node) -> None:
    """Stream QuantizeLinear and DequantizeLinear."""
    timed = _ready(streamer, node)
    scale = streamer.shape(node.inputs[1])
    axis = node.attributes.get("axis", 1) % len(timed.dims)
    if scale and scale != (1,) and timed.axis == axis:
        raise Refused("GL853", f"it has a scale for each frame along axis {axis}")
    _copy(streamer, node, timed, timed.axis)


def resize(streamer: Streamer, node: Node) -> None:
    """Stream a Resize or Upsample that leaves time as it is."""
    timed = streamer.ready(_ready(streamer, node), node.local)
    before, after = streamer.shape_of(timed), streamer.shape(node.output(0))
    if before[timed.axis] != after[timed.axis]:
        raise Refused(
            "GL855",
            f"it resizes axis {timed.axis}, which is time",
            "use a ConvTranspose, whose windows are of one length, or a Reshape that repeats frames",
        )
    scales = [b / a for a, b in zip(before, after, strict=True)]
    import numpy as np

    given = streamer.write.constant(np.array(scales, np.float32), f"{node.local}_scales")
    if node.op_type == "Upsample":
        inputs = [timed.name, given] if "scales" not in node.attributes else [timed.name]
    elif streamer.write.opset < 11:
        inputs = [timed.name, given]
    else:
        inputs = [timed.name, streamer.name(node.input(1)), given]
    if streamer.known.follows_time(node.input(3)) or not node.input(2):
        node.copied(streamer, inputs)
    else:
        node.copied(streamer, [timed.name, *[streamer.name(name) for name in node.inputs[1:]]])
    streamer.put(node.output(0), timed, timed.axis, tame=timed.tame)
