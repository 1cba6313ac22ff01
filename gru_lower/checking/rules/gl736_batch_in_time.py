"""GL736: a Reshape that makes one axis of batch and time in front of a GRU.

The GRU then runs through all sequences as if they were one, of batch 1: each goes on from the end of the one before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.tensor_types import Dims

SAME_AXES = ("Identity", "Cast", "Relu", "Tanh", "Sigmoid", "Dropout", "Unsqueeze")
"""Operators that leave the order of the axes as it is."""


def folded_batches(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs of batch 1 whose steps are those of several sequences, one behind the other."""
    for gru in checked.grus:
        spec = gru.parsed.spec
        dims = None if spec is None else checked.facts.shape(gru.scope, spec.inputs["X"])
        if spec is None or dims is None or len(dims) != 3 or dims[0 if spec.layout else 1] != 1:
            continue
        node = _reshape_before(gru, spec.inputs["X"])
        before = None if node is None else checked.facts.shape(gru.scope, node.input[0])
        merged = [] if before is None else _merged_axes(before, dims[2])
        if node is None or before is None or len(merged) < 2 or not (len(before) == 3 or _is_of_batch(checked, merged)):
            continue
        yield diagnostic(
            "GL736",
            f"Reshape {node.output[0]!r} makes the steps of one sequence of the axes {_in_words(merged)} of "
            f"{node.input[0]!r}: the GRU runs from one sequence of the batch on into the next",
            scope=gru.scope.path,
            node=gru.site,
        )


def _reshape_before(gru: GruNode, name: str) -> NodeProto | None:
    """Return the Reshape that a value comes from, its axes in order."""
    scope = gru.scope
    while name in scope.producers:
        node: NodeProto = scope.nodes[scope.producers[name]]
        if is_onnx(node, "Reshape"):
            return node
        if not is_onnx(node) or node.op_type not in SAME_AXES:
            return None
        name = node.input[0]
    return None


def _merged_axes(dims: Dims, features: int | str | None) -> list[int | str | None]:
    """Return the axes longer than 1 in front of the features."""
    if not isinstance(features, int):
        return []
    for start in range(len(dims) - 1, 0, -1):
        rest = dims[start:]
        if all(isinstance(dim, int) for dim in rest) and math.prod(int(dim or 0) for dim in rest) == features:
            return [dim for dim in dims[:start] if dim != 1]
    return []


def _is_of_batch(checked: CheckedModel, merged: list[int | str | None]) -> bool:
    """Whether the first axis of an input is among some axes, by its name."""
    first = [checked.facts.shape(checked.scopes[0], name) for name in checked.scopes[0].inputs]
    return bool({dims[0] for dims in first if dims and isinstance(dims[0], str)} & set(merged))


def _in_words(dims: list[int | str | None]) -> str:
    return " and ".join("?" if dim is None else str(dim) for dim in dims)


RULES = (Rule(("GL736",), folded_batches),)
