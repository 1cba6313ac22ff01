"""The coarsest float type that a model computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COARSEST_FIRST = {TensorProto.BFLOAT16: "bfloat16", TensorProto.FLOAT16: "float16"}


def coarsest_float(model: onnx.ModelProto) -> str | None:
    """Return "bfloat16" or "float16" if anything in the model is of that type: weights, casts, inputs; else None."""
    used = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    used.update(tensor.data_type for tensor in model.graph.initializer)
    nodes = [model.graph.node, *(function.node for function in model.functions)]
    used.update(elem_type for part in nodes for elem_type in _types_made(part))
    return next((name for elem_type, name in _COARSEST_FIRST.items() if elem_type in used), None)


def _types_made(nodes: Iterable[onnx.NodeProto]) -> Iterator[int]:
    for node in nodes:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                yield attribute.i
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t.data_type
            elif attribute.type == onnx.AttributeProto.GRAPH:
                yield from (tensor.data_type for tensor in attribute.g.initializer)
                yield from _types_made(attribute.g.node)
