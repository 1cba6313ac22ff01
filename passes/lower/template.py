"""Templates: small graphs, authored once with onnx-graphsurgeon and instantiated by renaming protobuf nodes.

A template's free names are its formal inputs, its weights and its outputs. Instantiating binds
them to actual values, gives every other name the site's prefix, and attaches the weights as they
are, so external views, bfloat16 and shared tensors never pass through graphsurgeon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from gru_lower.graph.splice import constant_nodes

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.splice import Names

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


class Assembly:
    """The replacement of one site, put together from instantiated templates.

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
        for index, node in enumerate(template.nodes):
            copy = self._held.node.add()
            copy.CopyFrom(node)
            own = template.bodies.get(index, frozenset())
            self._rename(copy, actual, tensors, prefix, own)
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

    def _rename(
        self,
        node: NodeProto,
        actual: dict[str, str],
        tensors: dict[str, TensorProto],
        prefix: str,
        own: frozenset[str],
    ) -> None:
        node.name = self._names.node(f"{prefix}/{node.name}")
        for i, name in enumerate(node.input):
            node.input[i] = self._value(name, actual, tensors)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                self._rename_body(attribute.g, actual, tensors, prefix, own)
        for i, name in enumerate(node.output):
            if name and name not in actual:
                actual[name] = self._names.value(f"{prefix}/{name}")
            node.output[i] = actual.get(name, "")

    def _value(self, name: str, actual: dict[str, str], tensors: dict[str, TensorProto]) -> str:
        if name and name not in actual:
            actual[name] = self.attach(tensors[name], name)
        return actual.get(name, "")

    def _rename_body(
        self,
        body: GraphProto,
        outer: dict[str, str],
        tensors: dict[str, TensorProto],
        prefix: str,
        own: frozenset[str],
    ) -> None:
        inner = dict(outer)
        body.name = f"{prefix}/{body.name}"
        for value in body.input:
            inner[value.name] = self._names.value(f"{prefix}/{value.name}")
        held = GraphProto().initializer if not self.scope.holds_initializers else body.initializer
        for local in sorted(own & tensors.keys()):
            named = held.add()
            named.CopyFrom(tensors[local])
            named.name = inner[local] = self._names.value(f"{prefix}/{local}")
        for node in body.node:
            self._rename(node, inner, tensors, prefix, own)
        if held and not self.scope.holds_initializers:
            nodes = [node for tensor in held for node in constant_nodes(tensor, self.scope.opset)] + list(body.node)
            del body.node[:]
            body.node.extend(nodes)
        for values in (body.input, body.output):
            for value in values:
                value.name = inner[value.name]
