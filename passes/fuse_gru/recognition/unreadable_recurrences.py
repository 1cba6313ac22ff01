"""Recurrences that could not be read at all, and the node where reading them stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import node_uses, subgraphs
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.reasons.update_share import NO_BLEND
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.tensors.value_roles import PRODUCTS

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, NodeProto

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


def where_reading_stops(body: ScopeValues, inner: str, result: str) -> str | None:
    """Tell at which node a state stops being understood on its way through a body.

    Args:
        body: The body, interpreted.
        inner: The state's name, going in.
        result: Its name, coming out.

    Returns:
        What is not understood; ``None`` where no matrix multiplies the state: no recurrence like a GRU's.

    """
    nodes = _nodes_between(body.scope.proto, inner, result)
    if not any(node.op_type in PRODUCTS for node in nodes):
        return None
    for node in nodes:
        for name in node.output:
            known = body.values.get(name)
            poly = known.poly if isinstance(known, PolyTensor) else None
            leaf = None if poly is None or poly.atom is None else body.algebra.atoms[poly.atom]
            if known is None or (isinstance(leaf, Leaf) and leaf.source == NamedValue(body.scope.path, name)):
                return f"what {node.op_type} makes of the state, {name}, is not understood"
    return NO_BLEND


def hangs_on_itself(body: ScopeValues, inner: str, result: str) -> bool:
    """Whether a state after a step hangs on what it was before: else it only hands something to the next step.

    Args:
        body: The loop's body.
        inner: The state's name, going in.
        result: Its name, coming out.

    """
    return inner == result or bool(_nodes_between(body.scope.proto, inner, result))


def multiplies_state(interpreter: Interpreter, index: int) -> bool:
    """Whether a Loop or Scan that was not understood has a state that a matrix multiplies."""
    node = interpreter.scope.nodes[index]
    body = next(graph for _, graph in subgraphs(node))
    skip = 2 if node.op_type == "Loop" else 0
    inputs = [value.name for value in body.input][skip:]
    results = [value.name for value in body.output][1 if skip else 0 :]
    pairs = list(zip(inputs, results, strict=False))
    return any(part.op_type in PRODUCTS for inner, result in pairs for part in _nodes_between(body, inner, result))


def _nodes_between(body: GraphProto | FunctionProto, inner: str, result: str) -> list[NodeProto]:
    """Return the nodes of a body that hang on a value and that another hangs on, in order."""
    forth = {inner}
    hanging = []
    for node in body.node:
        if any(name in forth for name in node_uses(node)):
            forth.update(filter(None, node.output))
            hanging.append(node)
    back, found = {result}, []
    for node in reversed(hanging):
        if any(name in back for name in node.output):
            back.update(node_uses(node))
            found.append(node)
    return found[::-1]
