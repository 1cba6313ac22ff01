"""Whether the two directions of Y are joined along the features at once, as torch's exporter writes it.

    Reshape(Transpose(Y, [0, 2, 1, 3]), [T, B, 2H])      layout 0
    Reshape(Y, [B, T, 2H])                               layout 1

A runtime that gives Y as [T, 1, B, 2H] gives the same then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


def joins_directions(scope: Scope, spec: GruSpec, facts: Facts) -> bool:
    """Whether all that is done to the Y of a bidirectional GRU is to join its directions along the features.

    Args:
        scope: The scope of the GRU.
        spec: What was read from it.
        facts: What is known of the model's values.

    """
    readers = _readers(scope, spec.Y) if spec.Y else []
    if not spec.layout:
        if not all(is_onnx(node, "Transpose") and _perm(node) == [0, 2, 1, 3] for node in readers):
            return False
        readers = [reader for node in readers for reader in _readers(scope, node.output[0]) or [node]]
    return bool(readers) and all(is_onnx(node, "Reshape") and _joins(scope, spec, node, facts) for node in readers)


def _readers(scope: Scope, name: str) -> list[NodeProto]:
    """Return the nodes that read a value; none where anything else does."""
    found = [node for node in scope.nodes if name in node.input]
    return found if sum(node.input[:].count(name) for node in found) == scope.uses[name] else []


def _perm(node: NodeProto) -> list[int]:
    return next((list(helper.get_attribute_value(each)) for each in node.attribute if each.name == "perm"), [])


def _joins(scope: Scope, spec: GruSpec, node: NodeProto, facts: Facts) -> bool:
    """Whether a Reshape makes [., ., 2H] of [., ., 2, H]."""
    wanted = facts.array(scope, node.input[1]) if len(node.input) > 1 else None
    shape = facts.shape(scope, node.output[0])
    if wanted is not None and wanted.size == 3 and (wanted[:2] == 0).all() and wanted[2] in (-1, 2 * spec.hidden_size):
        return True
    return shape is not None and len(shape) == 3 and shape[2] == 2 * spec.hidden_size
