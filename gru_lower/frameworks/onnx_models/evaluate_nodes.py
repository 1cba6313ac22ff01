"""Evaluation of a few nodes by onnx's reference implementation: those between two values, or behind a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.external_data import is_external
from gru_lower.graph.facts import FREE_INITIALIZERS_IR_VERSION
from gru_lower.graph.run_node import CannotComputeError, evaluate_node
from gru_lower.graph.scopes import is_onnx
from gru_lower.gru.spec import FLOAT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

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
        if not name or is_constant(scope, name):
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


def is_constant(scope: Scope, name: str) -> bool:
    """Whether a value is an initializer that nobody may override."""
    return name in scope.initializers and (name not in scope.inputs or scope.ir_version < FREE_INITIALIZERS_IR_VERSION)


def run_nodes(scope: Scope, nodes: list[onnx.NodeProto], source: str, target: str, values: Array) -> Array:
    """Run nodes of a scope in float64 on the values of their source; return their target."""
    return _run(scope, nodes, source, [target], values)[0]


def places_read(scope: Scope, nodes: list[onnx.NodeProto], source: str, values: Array) -> set[int]:
    """Return the whole numbers by which nodes cut and pick, computed ones included, on the values of their source."""
    cutting = [node for node in nodes if node.op_type in ("Gather", "Slice", "Split")]
    found = {number for node in cutting for each in node.attribute for number in (each.i, *each.ints)}
    names = dict.fromkeys(name for node in cutting for name in node.input[1:] if name)
    made = {name for node in nodes for name in node.output}
    held = (scope.initializers[name] for name in names if name in scope.initializers)
    arrays = [tensor_values.to_array(tensor, None) for tensor in held if not is_external(tensor)]
    arrays += _run(scope, nodes, source, [name for name in names if name in made], values)
    for array in arrays:
        if array.dtype.kind == "i":
            found.update(array.ravel().tolist())
    return found


def _run(scope: Scope, nodes: list[onnx.NodeProto], source: str, targets: list[str], values: Array) -> list[Array]:
    """Run nodes on the values of their source.

    Raises:
        CannotComputeError: One of them cannot be run, or would put out too much.

    """
    known = {source: values.astype(np.float64)} if targets else {}
    return _evaluate(scope, [_in_float64(node) for node in nodes] if targets else [], known, targets, _in_double)


def _in_double(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" or "float" in array.dtype.name else array


def _in_float64(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a node with its constant in float64, if it is a Constant of a float type."""
    tensor = constant_of(node) if is_onnx(node, "Constant") else None
    if tensor is None or tensor.data_type not in FLOAT_TYPES:
        return node
    return helper.make_node("Constant", [], list(node.output), value=_tensor_in_float64(tensor))


def _tensor_in_float64(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if tensor.data_type not in FLOAT_TYPES:
        return tensor
    return numpy_helper.from_array(tensor_values.to_array(tensor, None).astype(np.float64), tensor.name)


def _evaluate(
    scope: Scope,
    nodes: list[onnx.NodeProto],
    known: dict[str, Array],
    targets: list[str],
    cast: Callable[[Array], Array] = lambda array: array,
) -> list[Array]:
    """Compute nodes in order, each once, within the budget; initializers are cast first."""

    def value(name: str) -> Array | None:
        if name and name not in known:
            if name not in scope.initializers or is_external(scope.initializers[name]):
                raise CannotComputeError(f"{name!r} is no constant in the model")
            known[name] = cast(tensor_values.to_array(scope.initializers[name], None))
        return known[name] if name else None

    for node in nodes:
        results = evaluate_node(node, [value(name) for name in node.input], {"": scope.opset})
        known.update((name, result) for name, result in zip(node.output, results, strict=False) if name)
    found = [value(target) for target in targets]
    return [each for each in found if each is not None]
