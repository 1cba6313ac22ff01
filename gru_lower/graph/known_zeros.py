"""Whether a value is known to be all zeros, though its shape may not be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from gru_lower.graph import external_data
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
MAX_DEPTH = 32


def is_zero(facts: Facts, scope: Scope, name: str, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is all zeros, whatever its shape.

    Constants, ConstantOfShape, and views and Concats of these are recognised; of anything else it is not known.

    Args:
        facts: What is known of the model's values.
        scope: Where the value is used.
        name: The value.
        depth: How many nodes to follow at most.

    """
    tensor = facts.constant(scope, name)
    if tensor is not None:
        return not external_data.is_external(tensor) and not np.any(numpy_helper.to_array(tensor))
    home = scope.find(name)
    index = None if home is None else home.producers.get(name)
    if home is None or index is None or not depth:
        return False
    node = home.nodes[index]
    if not is_onnx(node):
        return False
    if node.op_type == "ConstantOfShape":
        return _fills_with_zeros(node)
    if node.op_type in VIEWS:
        return is_zero(facts, home, node.input[0], depth - 1)
    if node.op_type == "Concat":
        return all(is_zero(facts, home, part, depth - 1) for part in node.input)
    return False


def _fills_with_zeros(node: NodeProto) -> bool:
    for attribute in node.attribute:
        if attribute.name == "value":
            return not attribute.ref_attr_name and not np.any(numpy_helper.to_array(attribute.t))
    return True
