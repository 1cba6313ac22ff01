"""Whether every element of an integer value is the length of one axis of another: sequence_lens of whole sequences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.graph import tensor_values
from gru_lower.graph.axis_lengths import AxisLength
from gru_lower.graph.scopes import is_onnx
from gru_lower.graph.shape_values import rearrange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.shape_values import Array

DEPTH = 32
"""How long a chain of nodes is followed."""
LARGEST = 1 << 10
"""Vectors of more dims are not followed."""
COPIES = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Transpose"}
"""Operators whose result holds nothing but elements of their first input."""
IDLE = {"Mul": 1, "Add": 0, "Sub": 0}
"""The number that, as the other operand and for Sub the second, changes nothing."""


def is_filled_with_length(facts: Facts, scope: Scope, name: str, of: str, axis: int) -> bool:
    """Whether all elements of a value are the length of an axis of another, by the nodes that compute them.

    Args:
        facts: What is known of the model's values.
        scope: Where both are read.
        name: The value, of integers.
        of: The other one.
        axis: The axis, counted from 0.

    """
    reader = _Reader(facts)
    wanted = reader.lengths(scope, of)
    return wanted is not None and axis < len(wanted) and reader.filling(scope, name, DEPTH) == wanted[axis]


class _Reader:
    """What values hold; each is looked at once, however many ways lead to it.

    Args:
        facts: What is known of the model's values.

    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._fillings: dict[tuple[str, str], object] = {}
        self._elements: dict[tuple[str, str], Array | None] = {}

    def lengths(self, scope: Scope, name: str) -> Array | None:
        """Return the lengths of a value's axes, each a number, the model's name for it, or what stands for one."""
        dims, home = self._facts.shape(scope, name), scope.find(name)
        if dims is None or home is None:
            return None
        lengths = np.empty(len(dims), object)
        for axis, dim in enumerate(dims):
            lengths[axis] = AxisLength(home.path, name, axis) if dim is None else dim
        return lengths

    def filling(self, scope: Scope, name: str, depth: int) -> object:
        """Return what all elements of a value are, ``None`` where that is not known."""
        key = scope.path, name
        if key not in self._fillings:
            self._fillings[key] = None
            self._fillings[key] = self._find_filling(scope, name, depth)
        return self._fillings[key]

    def _find_filling(self, scope: Scope, name: str, depth: int) -> object:
        array = self._facts.array(scope, name)
        if array is not None:
            return array.flat[0] if array.size and (array == array.flat[0]).all() else None
        elements = self.elements(scope, name, depth)
        if elements is not None:
            return _only(elements.flat)
        made_by = self._maker(scope, name) if depth else None
        if made_by is None:
            return None
        home, node = made_by
        if node.op_type in COPIES or _is_cast_to_integers(node):
            return self.filling(home, node.input[0], depth - 1)
        if node.op_type == "ConstantOfShape":
            value = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
            return 0 if value is None else _only(tensor_values.to_array(value, None).flat)
        if node.op_type in IDLE:
            first, second = (self.filling(home, operand, depth - 1) for operand in node.input)
            if second == IDLE[node.op_type]:
                return first
            return second if first == IDLE[node.op_type] and node.op_type != "Sub" else None
        return None

    def elements(self, scope: Scope, name: str, depth: int) -> Array | None:
        """Return a scalar or a vector of dims, entry by entry, ``None`` where even their number is not known."""
        key = scope.path, name
        if key not in self._elements:
            self._elements[key] = None
            self._elements[key] = self._find_elements(scope, name, depth)
        return self._elements[key]

    def _find_elements(self, scope: Scope, name: str, depth: int) -> Array | None:
        tensor = self._facts.constant(scope, name)
        if tensor is not None:
            return self._facts.array(scope, name) if math.prod(tensor.dims) <= LARGEST else None
        made_by = self._maker(scope, name) if depth else None
        if made_by is None:
            return None
        home, node = made_by
        if node.op_type == "Shape":
            bounds = {attribute.name: attribute.i for attribute in node.attribute}
            lengths = self.lengths(home, node.input[0])
            return None if lengths is None else lengths[bounds.get("start", 0) : bounds.get("end")]
        inputs = [self.elements(home, each, depth - 1) if each else None for each in node.input]
        if any(value is None for value, each in zip(inputs, node.input, strict=True) if each):
            return None
        if sum(value.size for value in inputs if value is not None) > LARGEST:
            return None
        outputs = rearrange(node, inputs)
        return None if outputs is None else outputs[list(node.output).index(name)]

    def _maker(self, scope: Scope, name: str) -> tuple[Scope, NodeProto] | None:
        home = scope.find(name) if name else None
        index = None if home is None else home.producers.get(name)
        if home is None or index is None:
            return None
        node = self._facts.node(home, index)
        return (home, node) if is_onnx(node) and not any(a.ref_attr_name for a in node.attribute) else None


def _only(entries: Iterable[object]) -> object:
    different = set(entries)
    return different.pop() if len(different) == 1 else None


def _is_cast_to_integers(node: NodeProto) -> bool:
    to = next((attribute.i for attribute in node.attribute if attribute.name == "to"), TensorProto.UNDEFINED)
    return node.op_type == "Cast" and to in (TensorProto.INT32, TensorProto.INT64)
