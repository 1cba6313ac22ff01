"""The shape of every value at concrete sizes, and the small values that are computed from shapes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from gru_lower.graph.infer_node import DoesNotFitError, infer_node
from gru_lower.graph.run_node import run_node
from gru_lower.graph.scopes import subgraphs
from gru_lower.passes.stream.sized_nodes import SMALL, sized_nodes

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.sized_nodes import Inferred, SizedNode

Array = np.ndarray[Any, np.dtype[Any]]
UNTOUCHED = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}

LONGEST = 1 << 40
"""The longest axis that is worked with: no model runs on one, and products of such lengths are numbers all the same."""


class Sizes:
    """Shapes, element types and computed small values of the main graph, with every dim of the inputs known.

    Attributes:
        shapes: The dims of each value, where they could be worked out.
        types: Its ``TensorProto.DataType``.
        values: What each value always is at these sizes: constants, and what follows from them and from shapes.
        failed: The index of the first node that the sizes do not fit, ``None`` if they fit all.

    """

    def __init__(self, scope: Scope, facts: Facts, inputs: Mapping[str, tuple[int, ...]]) -> None:
        """Work through the nodes, in order."""
        self._scope, self._facts, self._nodes = scope, facts, sized_nodes(scope, facts)
        self.shapes: dict[str, tuple[int, ...]] = {**self._nodes.shapes, **inputs}
        self.types: dict[str, int] = dict(self._nodes.types)
        self.values: dict[str, Array] = dict(self._nodes.values)
        self.failed: int | None = None
        types, shapes = self.types, self.shapes
        computed: set[str] = set()
        for node in self._nodes.nodes:
            if node.kind is None or not computed.isdisjoint(node.reads):
                self._visit(node)
                computed.update(name for name in node.makes if name in self.values)
            else:
                self._infer(node, (node.kind, *[(types.get(name, 1), shapes.get(name)) for name in node.reads]))

    def steps(self, recurrence: NodeProto) -> int | None:
        """Return how many steps a GRU, LSTM or RNN takes, ``None`` where that is not known."""
        batch_major = any(each.name == "layout" and each.i for each in recurrence.attribute)
        shape = self.shapes.get(next(iter(recurrence.input), ""), ())
        return shape[batch_major] if len(shape) > batch_major else None

    def value(self, name: str) -> Array | None:
        """Return what a value always is at these sizes, however large, or ``None``."""
        known = self.values.get(name)
        return known if known is not None else self._facts.array(self._scope, name)

    def _small(self, name: str) -> Array | None:
        known = self.values.get(name)
        return known if known is not None else self._nodes.small(self._scope, self._facts, name)

    def _visit(self, sized: SizedNode) -> None:
        """Work out the shapes of a node that reads nothing but constants, or what follows from shapes."""
        node = self._scope.nodes[sized.place]
        inputs = [self._small(name) if name else None for name in node.input]
        whole = all(value is not None for value, name in zip(inputs, node.input, strict=True) if name)
        if node.op_type == "Shape" and node.input[0] in self.shapes:
            self._keep(node.output[0], _shape(node, self.shapes[node.input[0]]))
            return
        read = tuple((self.types.get(name, 1), self.shapes.get(name)) if name else None for name in node.input)
        values = tuple(None if value is None else value.tobytes() for value in inputs)
        attributes = tuple(each.SerializeToString() for each in node.attribute)
        self._infer(sized, (node.op_type, attributes, read, values, tuple(map(bool, node.output))))
        small = all(math.prod(self.shapes.get(name, (SMALL + 1,))) <= SMALL for name in sized.makes)
        plain = node.op_type not in UNTOUCHED and not any(subgraphs(node))
        if whole and small and plain and node.input:
            self._compute(node, [value for value in inputs if value is not None])

    def _keep(self, name: str, value: Array) -> None:
        self.values[name] = value
        self.shapes[name] = value.shape
        self.types[name] = helper.np_dtype_to_tensor_dtype(value.dtype)

    def _infer(self, sized: SizedNode, like: Hashable) -> None:
        """Enter the types and shapes of a node's outputs.

        Args:
            sized: The node.
            like: All that they follow from: thousands of nodes of a model are alike in that.

        """
        if like in self._nodes.inferred:
            found = self._nodes.inferred[like]
        else:
            found = self._nodes.inferred[like] = self._infer_anew(self._scope.nodes[sized.place])
        if found is None:
            self.failed = sized.place if self.failed is None else self.failed
            return
        for name, (kind, dims) in zip(sized.makes, found, strict=False):
            if kind is not None:
                self.types[name] = kind
            if dims is not None:
                self.shapes[name] = dims

    def _infer_anew(self, node: NodeProto) -> Inferred:
        if any(name and name not in self.shapes for name in node.input):
            return []
        inputs = [self._small(name) if name else None for name in node.input]
        read = {name: (self.types.get(name, 1), self.shapes[name]) for name in node.input if name}
        if any(dim > LONGEST for _, dims in read.values() for dim in dims):
            return None
        protos = {like: helper.make_tensor_type_proto(*like) for like in set(read.values())}
        types = {name: protos[like] for name, like in read.items()}
        data = {
            name: numpy_helper.from_array(value, name)
            for name, value in zip(node.input, inputs, strict=True)
            if value is not None
        }
        try:
            found = infer_node(node, types, data, self._scope.opsets, self._scope.ir_version)
        except DoesNotFitError:
            return None
        return [_told(found.get(name)) for name in node.output if name]

    def _compute(self, node: NodeProto, values: Sequence[Array]) -> None:
        results = compute(node, values, self._scope.opsets)
        if results is not None:
            for name, value in zip(node.output, results, strict=False):
                if name:
                    self._keep(name, value)


def _told(kind: onnx.TypeProto | None) -> tuple[int | None, tuple[int, ...] | None]:
    """Return the element type and the dims that an inferred type tells."""
    if kind is None or not kind.HasField("tensor_type"):
        return None, None
    dims = kind.tensor_type.shape.dim
    known = kind.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims)
    return kind.tensor_type.elem_type, tuple(dim.dim_value for dim in dims) if known else None


def _shape(node: NodeProto, dims: tuple[int, ...]) -> Array:
    given = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(dims[given.get("start", 0) : given.get("end", len(dims))], np.int64)


def compute(node: NodeProto, values: Sequence[Array], opsets: Mapping[str, int]) -> list[Array] | None:
    """Compute one node within the model's budget, ``None`` where that cannot be.

    Args:
        node: The node.
        values: Its inputs, without those left out.
        opsets: The model's.

    """
    given = iter(values)
    return run_node(node, [next(given) if name else None for name in node.input], opsets)
