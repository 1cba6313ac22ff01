"""The dims of a value that is not written itself, from those of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from gru_lower.passes.stream.refusal import Refused

if TYPE_CHECKING:
    from gru_lower.passes.stream.input_dims import InputDims
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.open_dim import Open
    from gru_lower.passes.stream.streamer import Streamer


def write_shape(streamer: Streamer, node: Node, inputs: InputDims) -> None:
    """Write what a Shape or Size gives, without the value it is of.

    Args:
        streamer: The streamed model.
        node: The Shape or Size.
        inputs: The dims of the model's inputs.

    Raises:
        Refused: A dim is none of the inputs'.

    """
    write, output, local = streamer.write, node.output(0), node.local
    known = streamer.value(output)
    if known is not None:
        write.initializers.append(numpy_helper.from_array(known, output))
        return
    dims = streamer.known.dims(node.input(0))
    if dims is None:
        raise Refused("GL859", f"the shape of {node.input(0)} cannot be worked out")
    if node.op_type == "Shape":
        dims = dims[node.attributes.get("start", 0) : node.attributes.get("end", len(dims))]
    parts = [_dim(streamer, dim, inputs, local) for dim in dims]
    if node.op_type == "Shape":
        write.concat(parts, 0, local, output)
        return
    scalar = write.constant(np.zeros(0, np.int64), f"{local}_scalar")
    write.emit("Reshape", [_product(streamer, parts, local), scalar], local, output)


def _dim(streamer: Streamer, dim: int | Open, inputs: InputDims, local: str) -> str:
    """Return a dim as int64 [1]."""
    write = streamer.write
    if isinstance(dim, int):
        return write.constant(np.array([dim], np.int64), f"{local}_dim")
    parts = [write.constant(np.array([dim.times], np.int64), f"{local}_times")] if dim.times != 1 else []
    for symbol in dim.symbols:
        holder = next(inputs.axes_of(symbol), None)
        if holder is None:
            raise Refused("GL859", "a dim is computed from more than the inputs' dims", "make it static with --fix-dim")
        name, axis = holder
        shape = write.emit("Shape", [name], f"{local}_shape")
        parts.append(write.slice(shape, 0, axis, axis + 1, f"{local}_dim"))
    return _product(streamer, parts, local)


def _product(streamer: Streamer, parts: list[str], local: str) -> str:
    result = parts[0]
    for each in parts[1:]:
        result = streamer.write.emit("Mul", [result, each], f"{local}_product")
    return result
