"""Whether every element of an integer value is the length of one axis of another: sequence_lens of whole sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.graph import tensor_values
from gru_lower.graph.scopes import is_onnx
from gru_lower.graph.shape_values import rearrange
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.shape_values import Array

DEPTH = 32
"""How long a chain of nodes is followed."""
LARGEST = 1 << 16
"""Constants of more elements are not looked at: batches are smaller."""
COPIES = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Transpose"}
"""Operators whose result holds nothing but elements of their first input."""
IDLE = {"Mul": 1, "Add": 0, "Sub": 0}
"""The number that, as the other operand and for Sub the second, changes nothing."""


@dataclass(frozen=True, slots=True)
class UnnamedLength:
    """The length of an axis for which a model has neither number nor name.

    Attributes:
        path: The scope of the value it is an axis of.
        value: Its name there.
        axis: The axis.

    """

    path: str
    value: str
    axis: int


def is_filled_with_length(facts: Facts, scope: Scope, name: str, of: str, axis: int) -> bool:
    """Whether all elements of a value are the length of an axis of another, by the nodes that compute them.

    Args:
        facts: What is known of the model's values.
        scope: Where both are read.
        name: The value, of integers.
        of: The other one.
        axis: The axis, counted from 0.

    """
    wanted = _lengths(facts, scope, of)
    return wanted is not None and axis < len(wanted) and _filling(facts, scope, name, DEPTH) == wanted[axis]


def _lengths(facts: Facts, scope: Scope, name: str) -> Array | None:
    dims, home = facts.shape(scope, name), scope.find(name)
    if dims is None or home is None:
        return None
    lengths = np.empty(len(dims), object)
    for axis, dim in enumerate(dims):
        lengths[axis] = UnnamedLength(home.path, name, axis) if dim is None else dim
    return lengths


def _filling(facts: Facts, scope: Scope, name: str, depth: int) -> object:
    """Return what all elements of a value are, ``None`` where that is not known."""
    elements = _elements(facts, scope, name, depth)
    if elements is not None:
        return _only(elements.flat)
    made_by = _maker(facts, scope, name) if depth else None
    if made_by is None:
        return None
    home, node = made_by
    if node.op_type in COPIES or _is_cast_to_integers(node):
        return _filling(facts, home, node.input[0], depth - 1)
    if node.op_type == "ConstantOfShape":
        value = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
        return 0 if value is None else _only(tensor_values.to_array(value, None).flat)
    if node.op_type in IDLE:
        first, second = (_filling(facts, home, operand, depth - 1) for operand in node.input)
        if second == IDLE[node.op_type]:
            return first
        return second if first == IDLE[node.op_type] and node.op_type != "Sub" else None
    return None


def _elements(facts: Facts, scope: Scope, name: str, depth: int) -> Array | None:
    """Return a scalar or a vector of dims, entry by entry, ``None`` where even their number is not known."""
    tensor = facts.constant(scope, name)
    if tensor is not None:
        return facts.array(scope, name) if np.prod(tensor.dims, dtype=object) <= LARGEST else None
    made_by = _maker(facts, scope, name) if depth else None
    if made_by is None:
        return None
    home, node = made_by
    if node.op_type == "Shape":
        bounds = {attribute.name: attribute.i for attribute in node.attribute}
        lengths = _lengths(facts, home, node.input[0])
        return None if lengths is None else lengths[bounds.get("start", 0) : bounds.get("end")]
    inputs = [_elements(facts, home, each, depth - 1) if each else None for each in node.input]
    if any(value is None for value, each in zip(inputs, node.input, strict=True) if each):
        return None
    outputs = rearrange(node, inputs)
    return None if outputs is None else outputs[list(node.output).index(name)]


def _only(entries: Iterable[object]) -> object:
    different = set(entries)
    return different.pop() if len(different) == 1 else None


def _maker(facts: Facts, scope: Scope, name: str) -> tuple[Scope, NodeProto] | None:
    home = scope.find(name) if name else None
    index = None if home is None else home.producers.get(name)
    if home is None or index is None:
        return None
    node = facts.node(home, index)
    return (home, node) if is_onnx(node) and not any(a.ref_attr_name for a in node.attribute) else None


def _is_cast_to_integers(node: NodeProto) -> bool:
    to = next((attribute.i for attribute in node.attribute if attribute.name == "to"), TensorProto.UNDEFINED)
    return node.op_type == "Cast" and to in (TensorProto.INT32, TensorProto.INT64)
