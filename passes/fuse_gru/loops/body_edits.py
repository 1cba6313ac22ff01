"""Editing the graphs that loops stand in, and their bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import FunctionProto, GraphProto, NodeProto, TypeProto, ValueInfoProto

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.loops.loop_parts import needed_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts


def replace_nodes(scope: Scope, nodes: list[NodeProto]) -> None:
    """Give a graph other nodes, if there are more of them."""
    if len(nodes) != len(scope.nodes):
        set_nodes(scope.proto, nodes)


def set_nodes(graph: GraphProto | FunctionProto, nodes: Iterable[NodeProto]) -> None:
    """Give a graph other nodes, some of which may be its own."""
    copies = [copied(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def set_outputs(body: GraphProto, values: Iterable[ValueInfoProto]) -> None:
    """Give a body other outputs, and leave out the nodes and initializers that they do not depend on."""
    outputs = [copied_info(value) for value in values]
    del body.output[:]
    body.output.extend(outputs)
    producers = {name: node for node in body.node for name in node.output if name}
    set_nodes(body, needed_nodes(body, producers, [value.name for value in outputs]))
    used = {name for node in body.node for name in node_uses(node)} | {value.name for value in outputs}
    tensors = [tensor for tensor in body.initializer if tensor.name in used]
    del body.initializer[:]
    body.initializer.extend(tensors)


def state_type(loop: LoopParts, place: int) -> TypeProto:
    """Return a state's type without its shape, which bodies need not say."""
    return tensor_type(loop.body.input[loop.heads + place].type.tensor_type.elem_type)


def tensor_type(elem_type: int) -> TypeProto:
    """Return the type of tensors of any shape."""
    return TypeProto(tensor_type=TypeProto.Tensor(elem_type=elem_type))


def copied(node: NodeProto) -> NodeProto:
    """Return a copy."""
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def copied_info(value: ValueInfoProto) -> ValueInfoProto:
    """Return a copy."""
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    return copy
