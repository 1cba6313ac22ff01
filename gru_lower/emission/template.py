"""Templates: small graphs, authored once with onnx-graphsurgeon, whose names are filled in wherever they are used.

A template's free names are its formal inputs, its weights and its outputs; see
:mod:`gru_lower.emission.instantiate_template` for what becomes of them.
"""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

import onnx
from onnx import NodeProto, TensorProto

from gru_lower.emission.skeleton import skeleton_of
from gru_lower.graph.scopes import subgraphs
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gru_lower.emission.skeleton import Shape, Skeleton

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
        return tuple(op_types_of(self.nodes))

    @cached_property
    def own_tensors(self) -> tuple[str, ...]:
        """The tensors that bodies may have in themselves."""
        return tuple(sorted(frozenset().union(*self.body_initializers.values())))

    @cached_property
    def _skeletons(self) -> dict[Shape, Skeleton]:
        return {}

    def skeleton(self, shape: Shape) -> Skeleton:
        """Return its nodes as bytes with gaps.

        Args:
            shape: What its free names are bound to.

        """
        if shape not in self._skeletons:
            made = skeleton_of(self.nodes, self.outputs, self.body_initializers, self.types, self.constants, shape)
            self._skeletons[shape] = made
        return self._skeletons[shape]


def op_types_of(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """Yield the operator of every node, those in bodies included."""
    for node in nodes:
        yield node.op_type
        for _, body in subgraphs(node):
            yield from op_types_of(body.node)
