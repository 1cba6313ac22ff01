"""Templates: small graphs, authored once with onnx-graphsurgeon and instantiated by renaming protobuf nodes.

A template's free names are its formal inputs, its weights and its outputs. Instantiating binds
them to actual values, gives every other name the site's prefix, and attaches the weights as they
are, so external views, bfloat16 and shared tensors never pass through graphsurgeon.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.scopes import subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope

Binding = str | TensorProto
"""What a weight is bound to: the name of a value that is there already, or a tensor to attach."""


@dataclass(frozen=True)
class Template:
    """An authored graph.

    Attributes:
        nodes: Its nodes, in order.
        outputs: What it is made for: the local name of each of its results.
        constants: Small tensors of its own, by name.
        bodies: For each node index that holds a body: the names the body wants for itself (weights and
            constants), which become the body's initializers rather than captures.

    """

    nodes: tuple[NodeProto, ...]
    outputs: dict[str, str]
    constants: dict[str, TensorProto] = field(default_factory=dict)
    bodies: dict[int, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def op_types(self) -> tuple[str, ...]:
        """Every operator that stands in it, bodies included, once for each node."""
        return tuple(_op_types(self.nodes))

    @cached_property
    def plan(self) -> tuple[_Node, ...]:
        """What instantiating has to write: names as Python strings, read out of the messages once."""
        return tuple(_planned(node, self.bodies.get(index, frozenset())) for index, node in enumerate(self.nodes))

    @cached_property
    def bare(self) -> GraphProto:
        """The nodes without the names that instantiating writes, in bodies as well."""
        graph = GraphProto(node=self.nodes)
        _clear_names(graph)
        return graph


@dataclass(frozen=True)
class _Node:
    """The names of a template's node."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: _Body | None = None


@dataclass(frozen=True)
class _Body:
    """The body a node holds: which attribute it is, its nodes, formal names, and what it wants for itself."""

    attribute: int
    nodes: tuple[_Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    own: tuple[str, ...]


def _planned(node: NodeProto, own: frozenset[str]) -> _Node:
    body = None
    for index, attribute in enumerate(node.attribute):
        if attribute.type == onnx.AttributeProto.GRAPH:
            nodes = tuple(_planned(inner, frozenset()) for inner in attribute.g.node)
            inputs, outputs = (tuple(v.name for v in values) for values in (attribute.g.input, attribute.g.output))
            body = _Body(index, nodes, inputs, outputs, tuple(sorted(own)))
    return _Node(node.name, tuple(node.input), tuple(node.output), body)


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


class Assembly:
    """The replacement of one site, put together from instantiated templates; ``op_types`` counts its operators.

    Args:
        scope: Where it will stand.
        names: The model's names.
        prefix: What new names begin with.

    """

    def __init__(self, scope: Scope, names: Names, prefix: str) -> None:
        """Start with nothing."""
        self.scope = scope
        self.prefix = prefix
        # One message holds all parts: thousands of messages of their own would each take a block of memory.
        self._held = GraphProto()
        self._names = names
        self._attached: dict[tuple[str, int], str] = {}
        self.op_types: Counter[str] = Counter()

    def add(
        self, template: Template, bindings: dict[str, Binding], results: dict[str, str] | None = None, path: str = ""
    ) -> dict[str, str]:
        """Instantiate a template.

        Args:
            template: What to add.
            bindings: Actual values and tensors for its free names.
            results: Names its results must have; others get names of their own.
            path: Put between the prefix and a local name (``"t003"``).

        Returns:
            The actual name of each of the template's results.

        """
        prefix = f"{self.prefix}/{path}" if path else self.prefix
        tensors = {name: value for name, value in bindings.items() if isinstance(value, TensorProto)}
        tensors.update(template.constants)
        actual: dict[str, str] = {name: value for name, value in bindings.items() if isinstance(value, str)}
        actual.update({template.outputs[key]: name for key, name in (results or {}).items()})
        self.op_types.update(template.op_types)
        start = len(self._held.node)
        self._held.MergeFrom(template.bare)
        self._write(self._held.node[start:], template.plan, actual, tensors, prefix)
        return {key: self._value(name, actual, tensors) for key, name in template.outputs.items()}

    @property
    def nodes(self) -> list[NodeProto]:
        """The nodes so far, in order."""
        return list(self._held.node)

    @property
    def initializers(self) -> list[TensorProto]:
        """The tensors they need in the scope itself."""
        return list(self._held.initializer)

    def attach(self, tensor: TensorProto, local: str) -> str:
        """Add a tensor to the scope under a name of the site, once however often it is asked for."""
        key = (local, id(tensor))
        if key not in self._attached:
            named = self._held.initializer.add()
            named.CopyFrom(tensor)
            named.name = self._attached[key] = self._names.value(f"{self.prefix}/{local}")
        return self._attached[key]

    def _write(
        self,
        nodes: Iterable[NodeProto],
        plan: Iterable[_Node],
        actual: dict[str, str],
        tensors: dict[str, TensorProto],
        prefix: str,
    ) -> None:
        values, names = self._names.value, self._names.node
        for copy, node in zip(nodes, plan, strict=True):
            copy.name = names(f"{prefix}/{node.name}")
            copy.input.extend([actual[n] if n in actual else self._value(n, actual, tensors) for n in node.inputs])
            if node.body is not None:
                self._write_body(copy.attribute[node.body.attribute].g, node.body, actual, tensors, prefix)
            for name in node.outputs:
                if name and name not in actual:
                    actual[name] = values(f"{prefix}/{name}")
            copy.output.extend([actual.get(name, "") for name in node.outputs])

    def _value(self, name: str, actual: dict[str, str], tensors: dict[str, TensorProto]) -> str:
        if name and name not in actual:
            actual[name] = self.attach(tensors[name], name)
        return actual.get(name, "")

    def _write_body(
        self, body: GraphProto, plan: _Body, outer: dict[str, str], tensors: dict[str, TensorProto], prefix: str
    ) -> None:
        inner = dict(outer)
        body.name = f"{prefix}/{body.name}"
        for value, name in zip(body.input, plan.inputs, strict=True):
            value.name = inner[name] = self._names.value(f"{prefix}/{name}")
        for local in plan.own:
            if local in tensors:
                named = body.initializer.add()
                named.CopyFrom(tensors[local])
                named.name = inner[local] = self._names.value(f"{prefix}/{local}")
        self._write(body.node, plan.nodes, inner, tensors, prefix)
        if not self.scope.holds_initializers:
            constants = [node for tensor in body.initializer for node in constant_nodes(tensor, self.scope.opset)]
            self.op_types.update(node.op_type for node in constants)
            nodes = [*constants, *body.node]
            del body.node[:], body.initializer[:]
            body.node.extend(nodes)
        for value, name in zip(body.output, plan.outputs, strict=True):
            value.name = inner[name]
