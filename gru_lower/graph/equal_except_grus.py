"""Whether two models are equal except for their GRUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto

from gru_lower.graph.scopes import is_onnx, node_uses, walk

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope


def equal_except_grus(original: Model, rewritten: Model) -> bool:
    """Whether all that is no GRU is the same in both models: nodes, the constants they read, inputs and outputs.

    Args:
        original: The model with GRU nodes.
        rewritten: The one in which they may have been lowered.

    """
    others = {scope.path: scope for scope in walk(rewritten.proto)}
    for scope in walk(original.proto):
        other = others.get(scope.path)
        if other is None or list(scope.inputs) != list(other.inputs) or scope.outputs != other.outputs:
            return False
        needed = _needed_without_grus(scope)
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                continue
            twin = other.producers.get(next(filter(None, node.output), ""))
            if twin is None and index not in needed:
                continue  # only the GRU used it, such as a state of zeros, and it was removed with the GRU
            if twin is None or _without_bodies(other.nodes[twin]) != _without_bodies(node):
                return False
            for name in node.input:
                there, here = other.initializers.get(name), scope.initializers.get(name)
                if here is not None and there != here:
                    return False
    return True


def _needed_without_grus(scope: Scope) -> set[int]:
    """Return the nodes that a scope's outputs depend on otherwise than through a GRU."""
    found: set[int] = set()
    pending = list(scope.outputs)
    while pending:
        index = scope.producers.get(pending.pop())
        if index is None or index in found or is_onnx(scope.nodes[index], "GRU"):
            continue
        found.add(index)
        pending += node_uses(scope.nodes[index])
    return found


def _without_bodies(node: NodeProto) -> NodeProto:
    """Return a copy of a node without its bodies, which are compared as scopes, and without what has no meaning."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    for attribute in copy.attribute:
        attribute.ClearField("g")
        attribute.ClearField("graphs")
    return copy
