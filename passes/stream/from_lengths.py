"""What is computed from dims alone: numbers, frames that are all the same, and frames that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from gru_lower.passes.stream.operators.registry import ELEMENTWISE
from gru_lower.passes.stream.operators.running import counted, counting, numbers
from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.sizes import compute

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer


def from_lengths(streamer: Streamer, node: Node, from_time: set[str]) -> None:
    """Copy what is computed from dims; what depends on the number of frames is left to what reads it.

    Args:
        streamer: The streamed model.
        node: The node.
        from_time: The values that are computed from dims that may follow time; more are added.

    Raises:
        Refused: It makes frames, or something else that the number of frames is needed for.

    """
    known, outputs = streamer.known, [name for name in node.outputs if name]
    grown = [name for name in outputs if known.grows(name)]
    if node.op_type == "Range" and grown:
        numbers(streamer, node)
        return
    if grown:
        _uniform(streamer, node, outputs, from_time)
        return
    if set(node.inputs) & streamer.counted.keys():
        raise Refused("GL853", "it is computed from how many frames there are")
    if all(name in known.at.values for name in outputs):
        from_time.update(outputs)
        if any(known.follows_time(name) or known.follows_others(name) for name in outputs):
            node.copied(streamer)
        else:
            for name in outputs:
                streamer.write.initializers.append(numpy_helper.from_array(known.at.values[name], name))
        return
    if any(known.follows_time(name) for name in node.inputs):
        raise Refused("GL853", "it is computed from how many frames there are")
    node.copied(streamer)


def _uniform(streamer: Streamer, node: Node, outputs: list[str], from_time: set[str]) -> None:
    """Note a value as long as the sequence that is the same everywhere: it is broadcast where it is used."""
    value: np.ndarray[Any, Any] | None = None
    if node.op_type == "ConstantOfShape":
        given = node.attributes.get("value")
        value = np.zeros(1, np.float32) if given is None else numpy_helper.to_array(given)
    elif node.op_type in {
        "Expand",
        "Slice",
        "Transpose",
        "Unsqueeze",
        "Squeeze",
        "Reshape",
        "Identity",
        "Gather",
        "Split",
        "Tile",
    }:
        found = streamer.uniform.get(node.inputs[0])
        found = streamer.value(node.inputs[0]) if found is None else found
        value = (
            found.reshape(-1)[:1]
            if found is not None and found.size and bool((found == found.reshape(-1)[0]).all())
            else None
        )
    elif node.op_type in ELEMENTWISE:
        values = [streamer.uniform.get(name, streamer.value(name)) for name in node.inputs if name]
        flat = [each for each in values if each is not None and each.size]
        if len(flat) == len(values) and all(bool((each == each.reshape(-1)[0]).all()) for each in flat):
            results = compute(node.proto, [each.reshape(-1)[:1] for each in flat], streamer.scope.opsets)
            value = None if results is None else results[0]
    line = None
    if value is None and len(outputs) == 1:
        line = counted(streamer, outputs[0])
        if line is None and (node.op_type == "CumSum" or node.op_type in ELEMENTWISE):
            line = counting(streamer, node)
    if line is not None:
        streamer.counted[outputs[0]] = line
        from_time.update(outputs)
        return
    if value is None or len(outputs) != 1:
        raise Refused("GL853", "it makes frames that are no part of the stream")
    rank = len(streamer.shape(outputs[0]))
    streamer.uniform[outputs[0]] = value.reshape([1] * rank)
    streamer.renamed[outputs[0]] = streamer.write.constant(value.reshape([1] * rank), f"{node.local}_everywhere")
