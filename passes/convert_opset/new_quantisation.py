"""Quantised constants that an older opset has no words for are dequantised in the file: in blocks or in other types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, numpy_helper

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

BLOCKS = 21
"""The opset from which DequantizeLinear takes blocks, and whole numbers of 4 and 16 bits."""
OLD_TYPES = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32)


def dequantise_what_is_too_new(model: Model, to: int) -> None:
    """Make constants of what DequantizeLinear makes of constants, where it is of a kind that an opset does not know.

    Args:
        model: Edited in place.
        to: The opset that it is about to be converted to.

    """
    if to >= BLOCKS:
        return
    facts = Facts(model, computed=True)
    edits = [
        splice.Edit(scope, [index], [], [numpy_helper.from_array(value, node.output[0])])
        for scope in walk(model.proto)
        if scope.function is None and scope.opset >= BLOCKS
        for index, node in enumerate(scope.nodes)
        if is_onnx(node, "DequantizeLinear") and _is_too_new(scope, node, facts)
        if node.output[0] not in scope.outputs
        if (value := facts.array(scope, node.output[0])) is not None
    ]
    splice.apply(model, edits)


def _is_too_new(scope: Scope, node: NodeProto, facts: Facts) -> bool:
    in_blocks = any(each.name == "block_size" and each.i for each in node.attribute)
    return in_blocks or facts.elem_type(scope, node.input[0]) not in OLD_TYPES
