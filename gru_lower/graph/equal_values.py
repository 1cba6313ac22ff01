"""Whether two values of a scope are computed alike, whatever they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

DEEPEST = 16
LONGEST = 64
"""Constants with more entries than this are the same only if they are one."""
CHANGING = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
    "Dropout",
)


def key(scope: Scope, facts: Facts, name: str, depth: int = DEEPEST) -> Any:  # noqa: ANN401 - something that compares
    """Return what is equal for values that are computed alike from the same values.

    Args:
        scope: Where they are.
        facts: Its constants.
        name: The value.
        depth: Through how many nodes to look.

    """
    tensor = facts.constant(scope, name)
    if tensor is not None:
        array = facts.array(scope, name)
        if array is not None and array.size <= LONGEST:
            return tensor.data_type, array.shape, array.tobytes()
        return name
    index = scope.producers.get(name)
    node = None if index is None else scope.nodes[index]
    bodies = node is None or any(a.HasField("g") or a.graphs for a in node.attribute)
    if node is None or not depth or bodies or node.op_type in CHANGING or node.domain not in ("", "ai.onnx"):
        return name
    attributes = tuple(sorted(a.SerializeToString(deterministic=True) for a in node.attribute))
    inputs = tuple(key(scope, facts, given, depth - 1) if given else "" for given in node.input)
    return node.op_type, attributes, inputs, list(node.output).index(name)
