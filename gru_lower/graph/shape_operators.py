"""The operators with which exporters compute shapes, in numpy, as onnx's reference implementation computes them.

That one takes longer to be imported than many a command to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto

Array = np.ndarray[Any, np.dtype[Any]]
AXES_ARE_AN_INPUT = 13


def compute_simply(node: NodeProto, inputs: Sequence[Array | None], opset: int) -> list[Array] | None:
    """Return what a Concat, ConstantOfShape, Gather or Unsqueeze of whole numbers puts out; ``None`` if it is unusual.

    Args:
        node: The node.
        inputs: Its inputs.
        opset: The version of the default domain.

    """
    given = [array for array in inputs if array is not None]
    if len(given) < len(inputs) or len(node.output) != 1 or any(array.dtype != np.int64 for array in given):
        return None
    axes = {attribute.name: attribute.i for attribute in node.attribute}
    match node.op_type, given:
        case "Gather", [data, indices] if data.ndim and indices.size and -data.ndim <= axes.get("axis", 0) < data.ndim:
            length = data.shape[axes.get("axis", 0)]
            inside = bool(((-length <= indices) & (indices < length)).all())
            return [np.asarray(np.take(data, indices, axis=axes.get("axis", 0)))] if inside else None
        case "Unsqueeze", [data, at] if opset >= AXES_ARE_AN_INPUT and data.ndim == 0 and at.shape == (1,):
            return [data.reshape(1)] if int(at[0]) in (0, -1) else None
        case "Concat", [first, *_] if axes.get("axis") == 0 and all(array.ndim == 1 for array in given):
            return [np.concatenate(given)] if first.ndim else None
        case "ConstantOfShape", [shape] if shape.ndim == 1 and bool((shape >= 0).all()):
            filled = [numpy_helper.to_array(attribute.t) for attribute in node.attribute if attribute.name == "value"]
            value = filled[0] if filled else np.zeros(1, np.float32)
            return [np.full(shape, value[0], value.dtype)] if value.shape == (1,) else None
    return None
