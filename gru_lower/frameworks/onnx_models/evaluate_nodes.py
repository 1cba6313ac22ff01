"""Evaluation of a few nodes by onnx's reference implementation: those between two values, or behind a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from gru_lower.frameworks.weights.cell import Array
    from gru_lower.graph.scopes import Scope

VIEWS = {
    *("Concat", "Constant", "Gather", "Identity", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose"),
    *("Add", "Div", "Mul", "ReduceMean", "ReduceProd", "ReduceSum", "Unsqueeze"),
}
"""Operators that only rearrange, add or multiply."""


def nodes_between(scope: Scope, source: str, target: str) -> list[onnx.NodeProto] | None:
    """Return the nodes between two values, in order; ``None`` if others than :data:`VIEWS` are among them.

    Args:
        scope: The scope of the nodes.
        source: The value they begin with; ``""`` for nodes that begin with constants alone.
        target: The value they end with.

    """
    indices: set[int] = set()
    open_names, reached = [target], target == source or not source
    while open_names:
        name = open_names.pop()
        if not name or name in scope.initializers:
            continue
        if name == source:
            reached = True
            continue
        index = scope.producers.get(name)
        if index is None or not (is_onnx(scope.nodes[index]) and scope.nodes[index].op_type in VIEWS):
            return None
        if index not in indices:
            indices.add(index)
            open_names += scope.nodes[index].input
    return [scope.nodes[index] for index in sorted(indices)] if reached else None


def run_nodes(scope: Scope, nodes: list[onnx.NodeProto], source: str, target: str, values: Array) -> Array:
    """Run nodes of a scope on the values of their source; return their target."""
    elem_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "between",
        [helper.make_tensor_value_info(source, elem_type, values.shape)],
        [helper.make_tensor_value_info(target, elem_type, None)],
        [tensor for name, tensor in scope.initializers.items() if name in used],
    )
    return _evaluate(scope, graph, {source: values})


def constant_value(scope: Scope, name: str) -> Array | None:
    """Return a value that nodes rearrange from constants, as some exporters write weights; ``None`` for any other."""
    nodes = nodes_between(scope, "", name)
    if not nodes:
        return None
    used = {name for node in nodes for name in node.input}
    tensors = [tensor for key, tensor in scope.initializers.items() if key in used]
    if any(is_external(tensor) for tensor in tensors):
        return None
    kind = tensors[0].data_type if tensors else onnx.TensorProto.FLOAT
    graph = helper.make_graph(nodes, "constant", [], [helper.make_tensor_value_info(name, kind, None)], tensors)
    return _evaluate(scope, graph, {})


def _evaluate(scope: Scope, graph: onnx.GraphProto, feeds: dict[str, Array]) -> Array:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", scope.opset)])
    results: Any = ReferenceEvaluator(model).run(None, feeds)
    return np.asarray(results[0])
