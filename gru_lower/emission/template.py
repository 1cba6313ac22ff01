"""Templates: small graphs, authored once with onnx-graphsurgeon, whose names are filled in wherever they are used.

A template's free names are its formal inputs, its weights and its outputs; see
:mod:`gru_lower.emission.instantiate_template` for what becomes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from gru_lower.graph.scopes import subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Binding = str | TensorProto
"""What a free name is bound to: the name of a value that is there already, or a tensor to attach."""


@dataclass(frozen=True)
class Template:
    """An authored graph.

    Attributes:
        nodes: Its nodes, in order.
        outputs: What it is made for: the local name of each of its results.
        constants: Small tensors of its own, by name.
        body_initializers: For each node index that holds a body: the weights and constants, by name, that become the
            body's initializers rather than captures.
        types: Types of its values that are to be written down, by local name: those that shape inference cannot tell.

    """

    nodes: tuple[NodeProto, ...]
    outputs: dict[str, str]
    constants: dict[str, TensorProto] = field(default_factory=dict)
    body_initializers: dict[int, frozenset[str]] = field(default_factory=dict)
    types: dict[str, onnx.TypeProto] = field(default_factory=dict)

    @cached_property
    def op_types(self) -> tuple[str, ...]:
        """Every operator that stands in it, bodies included, once for each node."""
        return tuple(_op_types(self.nodes))

    @cached_property
    def node_names(self) -> tuple[TemplateNode, ...]:
        """The names that instantiating replaces, as Python strings, read out of the messages once."""
        empty: frozenset[str] = frozenset()
        return tuple(_names_of(node, self.body_initializers.get(index, empty)) for index, node in enumerate(self.nodes))

    @cached_property
    def unnamed_nodes(self) -> GraphProto:
        """The nodes without the names that instantiating writes, in bodies as well."""
        graph = GraphProto(node=self.nodes)
        _clear_names(graph)
        return graph


@dataclass(frozen=True)
class TemplateNode:
    """The names of a template's node."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: TemplateBody | None = None


@dataclass(frozen=True)
class TemplateBody:
    """The names of a body that a template's node holds, and which of the node's attributes the body is."""

    attribute: int
    nodes: tuple[TemplateNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    initializers: tuple[str, ...]


def _names_of(node: NodeProto, initializers: frozenset[str]) -> TemplateNode:
    body = None
    for index, attribute in enumerate(node.attribute):
        if attribute.type == onnx.AttributeProto.GRAPH:
            nodes = tuple(_names_of(inner, frozenset()) for inner in attribute.g.node)
            inputs, outputs = (tuple(v.name for v in values) for values in (attribute.g.input, attribute.g.output))
            body = TemplateBody(index, nodes, inputs, outputs, tuple(sorted(initializers)))
    return TemplateNode(node.name, tuple(node.input), tuple(node.output), body)


def _clear_names(graph: GraphProto) -> None:
    for node in graph.node:
        for field_name in ("name", "input", "output"):
            node.ClearField(field_name)
        for _, body in subgraphs(node):
            _clear_names(body)


def _op_types(nodes: Iterable[NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield node.op_type
        for _, body in subgraphs(node):
            yield from _op_types(body.node)
