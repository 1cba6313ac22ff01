"""Instantiating templates: the replacement of one GRU, put together by renaming copies of their protobuf nodes.

Instantiating binds a template's free names to actual values, gives every other name the site's prefix, and attaches
the weights as they are, so external views, bfloat16 and shared tensors never pass through graphsurgeon.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto

from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.names import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.emission.template import Binding, Template, TemplateBody, TemplateNode
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope


class Assembly:
    """The replacement of one GRU, put together from instantiated templates; ``op_types`` counts its operators.

    Args:
        scope: Where it will stand.
        names: The model's names.
        prefix: What new names begin with.
        find_shared: Returns the name of the value that a tensor is already, by the tensor's local name, or ``None``.

    """

    def __init__(
        self,
        scope: Scope,
        names: Names,
        prefix: str,
        find_shared: Callable[[str, TensorProto], str | None] = lambda _local, _tensor: None,
    ) -> None:
        """Start with nothing."""
        self.scope = scope
        self.prefix = prefix
        # One message holds all parts: thousands of messages of their own would each take a block of memory.
        self._graph = GraphProto()
        self._names = names
        self._find_shared = find_shared
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
        start = len(self._graph.node)
        self._graph.MergeFrom(template.unnamed_nodes)
        self._write(self._graph.node[start:], template.node_names, actual, tensors, prefix)
        for name, kind in template.types.items():
            self._graph.value_info.add(name=actual[name]).type.CopyFrom(kind)
        return {key: self._value(name, actual, tensors) for key, name in template.outputs.items()}

    @property
    def nodes(self) -> list[NodeProto]:
        """The nodes so far, in order."""
        return list(self._graph.node)

    @property
    def initializers(self) -> list[TensorProto]:
        """The tensors they need in the scope itself."""
        return list(self._graph.initializer)

    @property
    def value_info(self) -> list[ValueInfoProto]:
        """The types of those of their values that inference cannot tell."""
        return list(self._graph.value_info)

    def attach(self, tensor: TensorProto, local: str) -> str:
        """Add a tensor to the scope under a name of the site, once however often it is asked for; or find it shared."""
        key = (local, id(tensor))
        found = None if key in self._attached else self._find_shared(local, tensor)
        if found is not None:
            self._attached[key] = found
        elif key not in self._attached:
            named = self._graph.initializer.add()
            named.CopyFrom(tensor)
            named.name = self._attached[key] = self._names.value(f"{self.prefix}/{local}")
        return self._attached[key]

    def _write(
        self,
        nodes: Iterable[NodeProto],
        template_nodes: Iterable[TemplateNode],
        actual: dict[str, str],
        tensors: dict[str, TensorProto],
        prefix: str,
    ) -> None:
        values, names = self._names.value, self._names.node
        for copy, node in zip(nodes, template_nodes, strict=True):
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
        self,
        body: GraphProto,
        template_body: TemplateBody,
        outer: dict[str, str],
        tensors: dict[str, TensorProto],
        prefix: str,
    ) -> None:
        inner = dict(outer)
        body.name = identifier(f"{prefix}/{body.name}")
        for value, name in zip(body.input, template_body.inputs, strict=True):
            value.name = inner[name] = self._names.value(f"{prefix}/{name}")
        for local in template_body.initializers:
            found = self._find_shared(local, tensors[local]) if local in tensors else None
            if found is not None:
                inner[local] = found
            elif local in tensors:
                named = body.initializer.add()
                named.CopyFrom(tensors[local])
                named.name = inner[local] = self._names.value(f"{prefix}/{local}")
        self._write(body.node, template_body.nodes, inner, tensors, prefix)
        if not self.scope.holds_initializers:
            constants = [node for tensor in body.initializer for node in constant_nodes(tensor, self.scope.opset)]
            self.op_types.update(node.op_type for node in constants)
            nodes = [*constants, *body.node]
            del body.node[:], body.initializer[:]
            body.node.extend(nodes)
        for value, name in zip(body.output, template_body.outputs, strict=True):
            value.name = inner[name]
