"""Whether two values of a scope are computed in the same way from the same values, whatever their names are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

MAX_DEPTH = 16
MAX_ENTRIES = 64
"""Constants with more entries than this are equal only if they are the same value."""
RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
    "Dropout",
)
"""Operators whose results differ from node to node."""


def value_key(scope: Scope, facts: Facts, name: str, depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 - something that compares
    """Return a key of a value: values with equal keys are computed in the same way from the same values.

    Args:
        scope: Where the value is.
        facts: What is known of the model's values.
        name: The value.
        depth: How many nodes to follow at most; what is beyond counts by its name.

    """
    tensor = facts.constant(scope, name)
    if tensor is not None:
        array = facts.array(scope, name)
        if array is not None and array.size <= MAX_ENTRIES:
            return tensor.data_type, array.shape, array.tobytes()
        return name
    index = scope.producers.get(name)
    node = None if index is None else scope.nodes[index]
    bodies = node is None or any(a.HasField("g") or a.graphs for a in node.attribute)
    if node is None or not depth or bodies or node.op_type in RANDOM or node.domain not in ("", "ai.onnx"):
        return name
    attributes = tuple(sorted(a.SerializeToString(deterministic=True) for a in node.attribute))
    inputs = tuple(value_key(scope, facts, given, depth - 1) if given else "" for given in node.input)
    return node.op_type, attributes, inputs, list(node.output).index(name)
