"""Whether a value is known to be all zeros, though its shape may not be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph import tensor_values
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

VIEWS = {
    *("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose"),
    *("Slice", "Expand", "Flatten", "Tile", "Gather"),
}
"""Operators whose result holds nothing but elements of their first input."""


def is_zero(facts: Facts, scope: Scope, name: str) -> bool:
    """Whether a value is all zeros, whatever its shape.

    Constants, ConstantOfShape, and views and Concats of these are recognised; of anything else it is not known. Each
    value is looked at once, however many ways lead to it.

    Args:
        facts: What is known of the model's values.
        scope: Where the value is used.
        name: The value.

    """
    pending, seen = [(scope, name)], set[tuple[str, str]]()
    while pending:
        scope, name = pending.pop()
        tensor = facts.constant(scope, name)
        if tensor is not None:
            if not facts.are_zeros(tensor):
                return False
            continue
        home = scope.find(name)
        index = None if home is None else home.producers.get(name)
        if home is None or index is None:
            return False
        if (home.path, name) in seen:
            continue
        seen.add((home.path, name))
        node = home.nodes[index]
        if not is_onnx(node):
            return False
        if node.op_type == "ConstantOfShape":
            if not _fills_with_zeros(node):
                return False
        elif node.op_type in VIEWS:
            pending.append((home, node.input[0]))
        elif node.op_type == "Concat":
            pending += [(home, part) for part in node.input]
        else:
            return False
    return True


def _fills_with_zeros(node: NodeProto) -> bool:
    for attribute in node.attribute:
        if attribute.name == "value":
            return not attribute.ref_attr_name and not np.any(tensor_values.to_array(attribute.t, None))
    return True
