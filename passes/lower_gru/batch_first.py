"""Whether a GRU stands in a batch-first layer: its X is made from a batch-major value by a Transpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope

SEEN_THROUGH = frozenset({"Identity", "Dropout", "Squeeze", "Reshape", "Relu", "Tanh", "Sigmoid", "LayerNormalization"})
"""What may stand between the layers of a stack without changing which axis is time."""


def is_batch_first(scope: Scope, x: str) -> bool:
    """Whether a value [T, B, I] comes from a Transpose of [B, T, I], be it through the layers of a stack.

    Args:
        scope: Where the GRU stands.
        x: Its X.

    """
    while x in scope.producers:
        node = scope.nodes[scope.producers[x]]
        if not is_onnx(node) or not node.input:
            return False
        if node.op_type == "Transpose":
            perm = _permutation(node)
            if perm != [0, 2, 1, 3]:  # which joins the directions of a layer below
                return perm == [1, 0, 2]
        elif node.op_type == "GRU":
            if any(attribute.name == "layout" and attribute.i for attribute in node.attribute):
                return False
        elif node.op_type not in SEEN_THROUGH:
            return False
        x = node.input[0]
    return False


def _permutation(node: NodeProto) -> list[int]:
    return next((list(each.ints) for each in node.attribute if each.name == "perm"), [])
