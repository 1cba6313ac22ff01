"""Values that nodes compute from constants alone, as exporters and converters leave weights: cut, joined, cast, scaled.

torch with ``do_constant_folding=False`` brings the gates into order by Slice, Concat and Unsqueeze of the parameters,
a converter casts every weight, a quantiser puts a DequantizeLinear behind each. What such nodes give is computed here
when it is first asked for, by onnx's reference implementation, and only where all that is behind it is constant.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import numpy_helper

from gru_lower.graph.result_sizes import result_elements
from gru_lower.graph.run_node import run_node
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import NodeProto, TensorProto

    from gru_lower.graph.scopes import Scope

Array = np.ndarray[Any, np.dtype[Any]]

VIEWS = {
    *("Cast", "CastLike", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Shape", "Slice", "Split"),
    *("Pad", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
}
ELEMENTWISE = {
    *("Abs", "Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pow", "Sqrt"),
    *("Clip", "Reciprocal", "Round", "Sub", "Sum", "Where"),
}
OTHERS = {
    *("Constant", "ConstantOfShape", "DequantizeLinear", "MatMul", "QuantizeLinear", "ReduceL2", "ReduceMean"),
    *("ReduceProd", "ReduceSum"),
}
LENGTHS = {"GreaterOrEqual", "LessOrEqual", "Range", "ReduceMax", "ReduceMin", "ScatterElements", "TopK"}
FOLDED = VIEWS | ELEMENTWISE | OTHERS | LENGTHS
"""The operators that are computed: those that weights are put together with, and that lengths are sorted with."""
OLDEST_RUN = {"DequantizeLinear": 19, "QuantizeLinear": 19}
"""Operators of which onnx's reference implementation lacks older versions that mean the same, and its oldest opset."""
LIMIT = 1 << 18
"""A result of more elements than this is computed only where it is not much larger than what it is made of."""
GROWTH = 4


class Place(NamedTuple):
    """What a value is found to be.

    Attributes:
        tensor: The tensor it always is, ``None`` for no constant.
        home: The scope that defines it, ``None`` where none does.
        name: Its name there, once Identity nodes are followed.

    """

    tensor: TensorProto | None
    home: Scope | None
    name: str


class ComputedConstants:
    """The values of one model that nodes compute from constants alone.

    Args:
        stored: Finds a value among initializers and Constant nodes.
        read: Reads a tensor's values.

    """

    def __init__(self, stored: Callable[[Scope, str], Place], read: Callable[[TensorProto], Array]) -> None:
        """Compute nothing yet."""
        self._stored, self._read = stored, read
        self._open: set[tuple[str, int]] = set()
        self._tensors: dict[tuple[str, str], TensorProto | None] = {}
        self._foldable: dict[str, set[str]] = {}

    def tensor(self, home: Scope, name: str) -> TensorProto | None:
        """Return what a node computes, ``None`` where that is not known beforehand.

        Args:
            home: The scope of the node.
            name: One of its outputs.

        """
        key = (home.path, name)
        if home.path not in self._foldable:
            self._foldable[home.path] = _foldable(home)
        if key not in self._tensors and name in self._foldable[home.path]:
            for scope, index in self._nodes_behind(home, home.producers[name]):
                self._evaluate(scope, scope.nodes[index])
        return self._tensors.get(key)

    def _nodes_behind(self, home: Scope, index: int) -> list[tuple[Scope, int]]:
        """Return the nodes that a node's values are computed by, in order; none if not only constants are behind it."""
        order: list[tuple[Scope, int]] = []
        opened: dict[tuple[str, int], tuple[Scope, int]] = {}
        done: set[tuple[str, int]] = set()
        pending = [(home, index)]
        while pending:
            scope, index = place = pending[-1]
            key = (scope.path, index)
            if key in done:
                pending.pop()
                continue
            behind = [] if key in self._open else self._producers_behind(scope, index)
            cycle = key not in opened and behind is not None and any((s.path, i) in opened for s, i in behind)
            if key in self._open or behind is None or cycle:
                self._open.update([key, *opened])
                return []
            missing = [each for each in behind if (each[0].path, each[1]) not in done]
            if key in opened or not missing:
                pending.pop()
                opened.pop(key, None)
                done.add(key)
                order.append(place)
            else:
                opened[key] = place
                pending += missing
        return order

    def _producers_behind(self, scope: Scope, index: int) -> list[tuple[Scope, int]] | None:
        """Return the nodes that make a node's inputs, constants aside; ``None`` if it cannot be folded."""
        node = scope.nodes[index]
        if not _can_be_folded(node):
            return None
        found = []
        for name in filter(None, node.input):
            place = self._stored(scope, name)
            if place.tensor is not None:
                continue
            made = None if place.home is None else place.home.producers.get(place.name)
            if place.home is None or made is None:
                return None
            if (place.home.path, place.name) not in self._tensors:
                found.append((place.home, made))
        return found

    def _evaluate(self, scope: Scope, node: NodeProto) -> None:
        results = compute(node, [self._known(scope, name) for name in node.input], scope.opsets)
        names = [name for name in node.output if name]
        self._tensors.update(dict.fromkeys(((scope.path, name) for name in names), None))
        for name, value in zip(names, results or (), strict=False):
            if value.dtype.kind not in "OSU":
                self._tensors[scope.path, name] = numpy_helper.from_array(value, name)

    def _known(self, scope: Scope, name: str) -> Array | None:
        place = self._stored(scope, name)
        tensor = place.tensor
        if tensor is None and place.home is not None:
            tensor = self._tensors.get((place.home.path, place.name))
        return None if tensor is None else self._read(tensor)


def compute(node: NodeProto, inputs: Sequence[Array | None], opsets: dict[str, int]) -> Sequence[Array] | None:
    """Compute a node of constants.

    Args:
        node: The node.
        inputs: The value of each of its inputs, ``None`` for one that is not there or not known.
        opsets: Opset versions by domain.

    Returns:
        The values of its outputs, ``None`` where an input is not known, or the result would be much larger than they.

    """
    values = [value for value in inputs if value is not None]
    if len(values) < sum(map(bool, node.input)) or _is_too_large(node, values):
        return None
    # onnx's reference implementation has no older version of some operators
    opset = max(opsets.get("", 0), OLDEST_RUN.get(node.op_type, 0))
    return run_node(node, inputs, {**opsets, "": opset})


def _foldable(scope: Scope) -> set[str]:
    """Return the values of a scope that may be computed from constants alone, and from what the scopes around hold."""
    read = scope.columns
    found = {"", *scope.initializers, *chain.from_iterable(read.inputs)}
    found.difference_update(scope.inputs if scope.parent is None else (), scope.producers)
    for op_type, inputs, outputs in zip(read.op_types, read.inputs, read.outputs, strict=True):
        if op_type in FOLDED and found.issuperset(inputs):
            found.update(outputs)
    return found


def _can_be_folded(node: NodeProto) -> bool:
    return is_onnx(node) and node.op_type in FOLDED and not any(each.ref_attr_name for each in node.attribute)


def _is_too_large(node: NodeProto, values: Sequence[Array]) -> bool:
    """Whether a result would be much larger than what it is made of."""
    given = sum(value.size for value in values)
    try:
        return result_elements(node, values) > max(LIMIT, GROWTH * given)
    except (ValueError, IndexError, ArithmeticError):
        return True
