"""Instantiating templates: the replacement of one GRU, put together from the skeletons of its templates.

Instantiating binds a template's free names to actual values, gives every other name the site's prefix, and attaches
the weights as they are, so external views, bfloat16 and shared tensors never pass through graphsurgeon.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Protocol

from onnx import GraphProto, TensorProto

from gru_lower.emission.skeleton import INITIALIZER, Kind, Shape
from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.external_data import is_external
from gru_lower.graph.message_layout import whole
from gru_lower.graph.names import identifier
from gru_lower.graph.parts import Part
from gru_lower.graph.scopes import subgraphs
from gru_lower.graph.tensor_bytes import renamed

if TYPE_CHECKING:
    from gru_lower.emission.skeleton import Skeleton
    from gru_lower.emission.template import Binding, Template
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope


class SharedTensors(Protocol):
    """Tensors that are, or become, values of the model."""

    def shares(self, local: str, tensor: TensorProto) -> bool:
        """Whether a tensor, by its local name, is one of them."""
        ...

    def find(self, local: str, tensor: TensorProto) -> str:
        """Return the name of one of them."""
        ...


class NothingShared:
    """No tensor is one."""

    def shares(self, local: str, tensor: TensorProto) -> bool:
        """Return that none is."""
        del local, tensor
        return False

    def find(self, local: str, tensor: TensorProto) -> str:
        """Refuse to find any."""
        raise KeyError(local, tensor.name)


class Assembly:
    """The replacement of one GRU, put together from instantiated templates.

    Attributes:
        reads: The names from around it that its nodes use, once for each use.
        computes: The operators of nodes that read nothing but attached tensors.

    Args:
        scope: Where it will stand.
        names: The model's names.
        prefix: What new names begin with.
        shared: Which tensors are values of the model already.

    """

    def __init__(
        self,
        scope: Scope,
        names: Names,
        prefix: str,
        shared: SharedTensors | None = None,
    ) -> None:
        """Start with nothing."""
        self.scope = scope
        self.prefix = prefix
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []
        self._value_info: list[bytes] = []
        self._names = names
        self._shared = shared or NothingShared()
        self._attached: dict[tuple[str, int], str] = {}
        self._external = False
        self._op_types: list[tuple[str, ...]] = []
        self.reads: list[str] = []
        self.computes: set[str] = set()

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
        tensors = {name: value for name, value in bindings.items() if isinstance(value, TensorProto)}
        tensors.update(template.constants)
        actual: dict[str, str] = {name: value for name, value in bindings.items() if isinstance(value, str)}
        actual.update({template.outputs[key]: name for key, name in (results or {}).items()})
        self._op_types.append(template.op_types)
        own = [name for name in template.own_tensors if name in tensors]
        shared = frozenset(name for name in own if self._shared.shares(name, tensors[name]))
        shape = Shape(frozenset(actual), frozenset(tensors), shared)
        skeleton = template.skeleton(shape)
        filled, reserved = self._fill(skeleton, actual, tensors, path)
        nodes, value_info, constants = skeleton.fill(filled)
        if reserved and not path:
            self._initializers.append(constants)
        self._nodes.append(nodes)
        self._value_info.append(value_info)
        self.reads += [filled[slot].decode() for slot in skeleton.reads]
        self.computes |= skeleton.computes
        return {key: filled[slot].decode() for key, slot in skeleton.results.items()}

    @property
    def op_types(self) -> tuple[str, ...]:
        """The operators of its nodes, those in bodies included, once for each node."""
        return self._op_types[0] if len(self._op_types) == 1 else tuple(chain.from_iterable(self._op_types))

    @property
    def part(self) -> Part:
        """The nodes, initializers and types so far as they are in a file."""
        nodes, initializers, value_info = map(b"".join, (self._nodes, self._initializers, self._value_info))
        return Part(nodes, initializers, value_info, self.reads, self.op_types, external=self._external)

    @property
    def is_final(self) -> bool:
        """Whether it can stay as bytes: nothing in it is a constant that could be computed, or moves to nodes."""
        return self.scope.holds_initializers and len(self._nodes) == 1 and not self.computes

    def graph(self) -> GraphProto:
        """Return them as messages; where the scope holds no initializers, bodies have nodes for theirs."""
        graph = GraphProto()
        for each in (*self._nodes, *self._initializers, *self._value_info):
            graph.MergeFromString(each)
        if not self.scope.holds_initializers:
            for node in graph.node:
                for _, body in subgraphs(node):
                    self._turn_into_nodes(body)
        return graph

    def attach(self, tensor: TensorProto, local: str, name: str | None = None) -> str:
        """Add a tensor to the scope under a name of the site, once however often it is asked for; or find it shared.

        Args:
            tensor: The tensor.
            local: Its local name.
            name: The name it gets, where that has been reserved.

        """
        key = (local, id(tensor))
        found = self._attached.get(key)
        if found is None and self._shared.shares(local, tensor):
            found = self._shared.find(local, tensor)
        elif found is None:
            found = name or self._names.value(f"{self.prefix}/{local}")
            self._initializers.append(whole(INITIALIZER, self._named(tensor, found)))
        self._attached[key] = found
        return found

    def _fill(
        self, skeleton: Skeleton, actual: dict[str, str], tensors: dict[str, TensorProto], path: str
    ) -> tuple[list[bytes], bool]:
        """Return what fills the slots of a skeleton, and whether all its new names were taken at once.

        Where they were, and there is no path, the template's constants are left to the skeleton.
        """
        prefix = f"{self.prefix}/{path}" if path else self.prefix
        reserved = self._reserve(skeleton, prefix)
        opening = f"{prefix}/".encode()
        filled = [opening + local for local in skeleton.locals] if reserved else []
        others = [*skeleton.constant_slots, *skeleton.others] if path else skeleton.others
        for index in others if reserved else range(len(skeleton.slots)):
            kind, local = skeleton.slots[index]
            if kind is Kind.BOUND:
                fill = actual[local].encode()
            elif kind is Kind.ATTACHED:
                name = filled[index].decode() if reserved and not path else None
                fill = self.attach(tensors[local], local, name).encode()
            elif kind is Kind.SHARED:
                fill = self._shared.find(local, tensors[local]).encode()
            elif kind is Kind.BODY:
                fill = identifier(f"{prefix}/{local}").encode()
            elif kind is Kind.OWN:
                fill = self._named(tensors[local], filled[index - 1].decode())
            else:
                give = self._names.node if kind is Kind.NODE else self._names.value
                fill = give(f"{prefix}/{local}").encode()
            if reserved:
                filled[index] = fill
            else:
                filled.append(fill)
        return filled, reserved

    def _reserve(self, skeleton: Skeleton, prefix: str) -> bool:
        """Take all new names of a skeleton at once, if that can be."""
        values, labels = skeleton.values, skeleton.labels
        return values is not None and labels is not None and self._names.reserve(prefix, values, labels)

    def _turn_into_nodes(self, body: GraphProto) -> None:
        """Replace the initializers of a body by nodes."""
        constants = [node for tensor in body.initializer for node in constant_nodes(tensor, self.scope.opset)]
        nodes = [*constants, *body.node]
        del body.node[:], body.initializer[:]
        body.node.extend(nodes)

    def _named(self, tensor: TensorProto, name: str) -> bytes:
        """Return a tensor under another name, as it is in a file."""
        self._external |= is_external(tensor)
        return renamed(tensor, name)
