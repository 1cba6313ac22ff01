"""Turn a float32 model into the same in float64: what rounding does to the one, it does not do to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.verification.arrays import Feeds

_TYPE_ATTRIBUTES = {"to", "dtype"}


def in_double(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return the model with float64 for float32 everywhere, ``None`` where its weights lie in other files."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for scope in walk(twin):
        if isinstance(scope.proto, onnx.GraphProto):
            if any(map(is_external, scope.proto.initializer)):
                return None
            _widen_types((*scope.proto.input, *scope.proto.output, *scope.proto.value_info))
            for tensor in scope.proto.initializer:
                _widen(tensor)
        for node in scope.nodes:
            _widen_node(node)
    return twin


def widened_feeds(feeds: Feeds) -> Feeds:
    """Return inputs with float64 for float32."""
    return {name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in feeds.items()}


def _widen_types(values: Iterable[onnx.ValueInfoProto]) -> None:
    for value in values:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def _widen_node(node: onnx.NodeProto) -> None:
    if node.op_type == "Constant":
        tensor = constant_of(node)
        if tensor is not None and tensor.data_type == TensorProto.FLOAT:
            wide = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("value", wide))
        return
    if node.op_type == "ConstantOfShape" and not node.attribute:
        node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))
    for attribute in node.attribute:
        if attribute.name in _TYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
        elif attribute.type == onnx.AttributeProto.TENSOR:
            _widen(attribute.t)
