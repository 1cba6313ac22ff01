"""What of a main graph's nodes is the same at any sizes, read once: their attributes, constants, and how they read.

Shapes are worked out some ten times for one model, at other sizes each time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from onnx import helper

from gru_lower.graph.facts import FREE_INITIALIZERS_IR_VERSION
from gru_lower.graph.scopes import ONNX_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

Array = np.ndarray[Any, np.dtype[Any]]
Inferred = list[tuple[int | None, tuple[int, ...] | None]] | None
"""The type and dims of each output, as far as they can be told; ``None`` where the inputs do not fit the node."""

SMALL = 1 << 17
"""Elements up to which a value is computed that follows from shapes and constants."""
TOLD_BY_CONTENT = 64
"""Elements up to which constants with the same content are taken for one."""

SHAPED_BY_FLOATS = {"Range", "Resize", "Upsample"}
"""Operators that floats tell the shape of what they make; the others read whole numbers for that."""


class SizedNode(NamedTuple):
    """A node whose outputs have shapes to be worked out.

    Attributes:
        place: Its place in the graph.
        kind: The same number for nodes that are alike in all but the shapes they read; ``None`` where more than these
            matters.
        reads: Its inputs that are no small constants.
        makes: Its outputs.

    """

    place: int
    kind: int | None
    reads: tuple[str, ...]
    makes: tuple[str, ...]


class SizedNodes:
    """The nodes of a main graph, and its constants.

    Attributes:
        nodes: The nodes to visit, in order.
        shapes: The dims of constants.
        types: The ``TensorProto.DataType`` of constants, and of inputs.
        values: The values of Constant nodes.
        inferred: What was worked out for nodes of a kind, by that and what they read.

    """

    def __init__(self, scope: Scope, facts: Facts) -> None:
        """Read every node."""
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: dict[str, int] = {}
        self.values: dict[str, Array] = {}
        self.inferred: dict[Hashable, Inferred] = {}
        self._small: dict[str, Array | None] = {}
        self._kinds: dict[Hashable, int] = {}
        for name, info in scope.inputs.items():
            if info is not None:
                self.types[name] = info.type.tensor_type.elem_type
        fed = scope.inputs if scope.ir_version >= FREE_INITIALIZERS_IR_VERSION else {}
        for name, tensor in scope.initializers.items():
            if name not in fed:
                self.shapes[name], self.types[name] = tuple(tensor.dims), tensor.data_type
        for _, node in scope.of_operators("Constant"):
            if node.output:
                self._keep(node.output[0], facts.array(scope, node.output[0]))
        read = scope.columns
        self.nodes = [
            self._read(scope, facts, index)
            for index, op_type in enumerate(read.op_types)
            if op_type != "Constant" and read.domains[index] in ONNX_DOMAINS
        ]

    def _keep(self, name: str, value: Array | None) -> None:
        if value is not None:
            self.values[name], self.shapes[name] = value, value.shape
            self.types[name] = helper.np_dtype_to_tensor_dtype(value.dtype)

    def small(self, scope: Scope, facts: Facts, name: str) -> Array | None:
        """Return a value that is always the same, ``None`` if it is not or is large."""
        if name in self.values:
            return self.values[name]
        if name not in self._small:
            tensor = facts.constant(scope, name)
            small = tensor is not None and math.prod(tensor.dims) <= SMALL
            self._small[name] = facts.array(scope, name) if small else None
        return self._small[name]

    def _read(self, scope: Scope, facts: Facts, index: int) -> SizedNode:
        read = scope.columns
        op_type, inputs, makes = read.op_types[index], read.inputs[index], tuple(filter(None, read.outputs[index]))
        constants = [self.small(scope, facts, name) if name else None for name in inputs]
        reads = tuple(name for name, value in zip(inputs, constants, strict=True) if name and value is None)
        if op_type == "Shape" or not reads:
            return SizedNode(index, None, reads, makes)
        like = (
            op_type,
            read.attributes.get(index),
            tuple(_identity(op_type, name, value) for name, value in zip(inputs, constants, strict=True)),
            tuple(map(bool, read.outputs[index])),
        )
        return SizedNode(index, self._kinds.setdefault(like, len(self._kinds)), reads, makes)


def _identity(op_type: str, name: str, value: Array | None) -> Hashable:
    """Return what of an input is the same for nodes that are alike."""
    if value is None:
        return bool(name)
    if value.dtype.kind == "f" and op_type not in SHAPED_BY_FLOATS:
        return value.dtype.str, value.shape
    return (value.dtype.str, value.shape, value.tobytes()) if value.size <= TOLD_BY_CONTENT else name


_read_before: WeakKeyDictionary[Facts, SizedNodes] = WeakKeyDictionary()


def sized_nodes(scope: Scope, facts: Facts) -> SizedNodes:
    """Return what is known of a main graph's nodes, read when it is first asked for."""
    if facts not in _read_before:
        _read_before[facts] = SizedNodes(scope, facts)
    return _read_before[facts]
