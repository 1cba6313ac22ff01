"""Every tensor of a model, wherever it stands: in graphs, functions, attributes, training graphs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import onnx

from gru_lower.graph.node_columns import NUMBERS_AND_TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gru_lower.graph.scopes import Scope


def tensors(proto: onnx.ModelProto, scopes: Iterable[Scope] | None = None) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: initializers, sparse ones, attributes, in every graph and function.

    Args:
        proto: The model.
        scopes: Its scopes, where somebody has read them before; then small tensors in attributes that differ in their
            fractions alone are there once.

    """
    if scopes is None:
        yield from _graph_tensors(proto.graph)
        for function in proto.functions:
            yield from _node_tensors(function.node)
    for scope in scopes or ():
        if isinstance(scope.proto, onnx.GraphProto):
            yield from scope.proto.initializer
            yield from _sparse_tensors(scope.proto.sparse_initializer)
        yield from scope.columns.tensors
    for function in proto.functions:
        yield from _attribute_tensors(function.attribute_proto)
    for training in proto.training_info:
        yield from _graph_tensors(training.initialization)
        yield from _graph_tensors(training.algorithm)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _sparse_tensors(graph.sparse_initializer)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Any) -> Iterator[onnx.TensorProto]:  # noqa: ANN401 - protobuf's repeated container has no type
    for node in nodes:
        attributes = node.attribute
        if attributes:
            yield from _attribute_tensors(attributes)


def _attribute_tensors(attributes: Iterable[onnx.AttributeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in attributes:
        if attribute.type in NUMBERS_AND_TEXTS:
            continue
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        yield from _sparse_tensors([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else [])
        yield from _sparse_tensors(attribute.sparse_tensors)
        for graph in itertools.chain([attribute.g] if attribute.HasField("g") else [], attribute.graphs):
            yield from _graph_tensors(graph)


def _sparse_tensors(entries: Iterable[onnx.SparseTensorProto]) -> Iterator[onnx.TensorProto]:
    for sparse in entries:
        yield from (sparse.values, sparse.indices)
