"""Every tensor of a model, wherever it stands: in graphs, functions, attributes, training graphs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import onnx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: initializers, sparse ones, attributes, in every graph and function."""
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)
        yield from _attribute_tensors(function.attribute_proto)
    for training in proto.training_info:
        yield from _graph_tensors(training.initialization)
        yield from _graph_tensors(training.algorithm)


WITHOUT_TENSORS = frozenset(
    getattr(onnx.AttributeProto, name) for name in ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")
)


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
        if attribute.type in WITHOUT_TENSORS:
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
