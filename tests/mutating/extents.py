"""One change in a model that no sizes up to 7 show: cuts, bounds, narrow types and conditions beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from mutating.change import Mutant

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.graph.scopes import Scope

BOUNDS = (8, 9, 12, 16, 31, 50, 64, 100, 127, 128, 200, 255, 256, 300)
INTEGERS = (TensorProto.INT64, TensorProto.INT32)
NARROW = (TensorProto.INT8, TensorProto.UINT8)
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


class _Edge:
    """A value where one node reads it, or as a graph's output; what is inserted there is read instead."""

    def __init__(self, facts: Facts, scope: Scope, graph: onnx.GraphProto, place: tuple[int, int], name: str) -> None:
        self.graph, self.place, self.name = graph, place, name
        self.kind, self.shape = facts.elem_type(scope, name), facts.shape(scope, name)
        self.nodes: list[onnx.NodeProto] = []
        self.count = 0

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        """Attach a constant."""
        name = f"{self.name}/extent_{self.count}"
        self.count += 1
        self.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Insert a node."""
        name = f"{self.name}/extent_{self.count}"
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def read(self, name: str) -> None:
        """Let the reader read another value."""
        index, place = self.place
        if index < 0:  # a copy of the output's name
            for node in self.graph.node:
                for position, output in enumerate(node.output):
                    if output == self.name:
                        node.output[position] = f"{self.name}/whole"
                for position, given in enumerate(node.input):
                    if given == self.name:
                        node.input[position] = f"{self.name}/whole"
            for node in self.nodes:
                for position, given in enumerate(node.input):
                    if given == self.name:
                        node.input[position] = f"{self.name}/whole"
            self.graph.node.extend([*self.nodes, helper.make_node("Identity", [name], [self.name])])
            return
        self.graph.node[index].input[place] = name
        nodes = [*self.graph.node[:index], *self.nodes, *self.graph.node[index:]]
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.graph.node[:]
        self.graph.node.extend(copies)


def mutated(model: onnx.ModelProto, rng: np.random.Generator) -> Mutant | None:
    """Return the model with one random change, ``None`` where the draw cannot be made."""
    kinds: dict[str, Callable[[onnx.ModelProto, np.random.Generator], str | None]] = {
        "cut": _cut,
        "bound": _bound,
        "cast": _cast,
        "condition": _condition,
        "goes on": _goes_on,
        "shapes": _fewer_shapes,
    }
    kind = str(rng.choice(list(kinds), p=[0.4, 0.16, 0.16, 0.08, 0.08, 0.12]))
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    what = kinds[kind](copy, rng)
    if what is None:
        return None
    for scope in walk(copy):  # an output's declared sizes may not be its own any more
        if isinstance(scope.proto, onnx.GraphProto):
            del scope.proto.value_info[:]
            for value in scope.proto.output:
                value.type.tensor_type.ClearField("shape")
    return Mutant(kind, what, copy)


def _edges(model: onnx.ModelProto) -> list[_Edge]:
    facts, found = Facts(Model(model)), []
    for scope in walk(model):
        graph = scope.proto
        if not isinstance(graph, onnx.GraphProto):
            continue
        for index, node in enumerate(graph.node):
            found += [_Edge(facts, scope, graph, (index, at), name) for at, name in enumerate(node.input) if name]
        if scope.path == "main":
            found += [_Edge(facts, scope, graph, (-1, 0), value.name) for value in graph.output]
    return found


def _drawn(rng: np.random.Generator, edges: list[_Edge]) -> _Edge | None:
    return edges[int(rng.integers(len(edges)))] if edges else None


def _cut(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Read an axis only up to a bound."""
    edge = _drawn(rng, [each for each in _edges(model) if each.shape])
    if edge is None or edge.shape is None:
        return None
    open_axes = [axis for axis, dim in enumerate(edge.shape) if not isinstance(dim, int) or dim > 7]
    if not open_axes:
        return None
    axis, bound = int(rng.choice(open_axes)), int(rng.choice(BOUNDS))
    zero, end, at, one = edge.const([0]), edge.const([bound]), edge.const([axis]), edge.const([1])
    way = str(rng.choice(["slice", "slice", "slice", "turned", "gather", "from behind", "runtime"]))
    if way == "slice":
        made = edge.node("Slice", edge.name, zero, end, at)
    elif way == "turned":
        back = [edge.const([-1]), edge.const([-(2**31)]), at, edge.const([-1])]
        made = edge.node("Slice", edge.node("Slice", edge.node("Slice", edge.name, zero, end, at), *back), *back)
    elif way == "from behind":
        made = edge.node("Slice", edge.name, edge.const([-bound]), edge.const([2**31]), at)
    else:
        length = edge.node("Slice", edge.node("Shape", edge.name), at, edge.const([axis + 1]), zero)
        least = edge.node("Min", length, end)
        if way == "runtime":
            made = edge.node("Slice", edge.name, zero, least, at, one)
        else:
            step = edge.const(1)
            limit = edge.node("Squeeze", least, zero)
            made = edge.node("Gather", edge.name, edge.node("Range", edge.const(0), limit, step), axis=axis)
    edge.read(made)
    return f"{edge.name} is read to {bound} of axis {axis}, by {way}"


def _bound(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Bound whole numbers from above."""
    edge = _drawn(rng, [each for each in _edges(model) if each.kind in INTEGERS])
    if edge is None:
        return None
    bound = int(rng.choice(BOUNDS))
    most = edge.const(bound, helper.tensor_dtype_to_np_dtype(edge.kind))
    if rng.random() < 0.5:
        edge.read(edge.node("Min", edge.name, most))
    else:
        edge.read(edge.node("Clip", edge.name, "", most))
    return f"{edge.name} is at most {bound}"


def _cast(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Cast whole numbers to a type of 8 bits and back."""
    edge = _drawn(rng, [each for each in _edges(model) if each.kind in INTEGERS])
    if edge is None:
        return None
    to = int(rng.choice(NARROW))
    edge.read(edge.node("Cast", edge.node("Cast", edge.name, to=to), to=edge.kind))
    return f"{edge.name} is cast to {TensorProto.DataType.Name(to)} and back"


def _condition(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Let a Loop take its first step only where an input is not too long."""
    graph = model.graph
    loops = [index for index, node in enumerate(graph.node) if node.op_type == "Loop"]
    if not loops:
        return None
    index = int(rng.choice(loops))
    facts = Facts(Model(model))
    scope = next(iter(walk(model)))
    name = graph.input[int(rng.integers(len(graph.input)))].name
    shape = facts.shape(scope, name) or ()
    axes = [axis for axis, dim in enumerate(shape) if not isinstance(dim, int)]
    if not axes:
        return None
    axis, bound = int(rng.choice(axes)), int(rng.choice(BOUNDS))
    edge = _Edge(facts, scope, graph, (index, 1), name)
    length = edge.node("Gather", edge.node("Shape", name), edge.const(axis))
    op = str(rng.choice(["Less", "LessOrEqual"]))
    if rng.random() < 0.2:
        edge.read(edge.node("Not", edge.node("Greater", length, edge.const(bound))))
    else:
        edge.read(edge.node(op, length, edge.const(bound)))
    return f"the loop's first condition is {op} of axis {axis} of {name}, {bound}"


def _goes_on(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Let a Loop go on only so far."""
    loops = [node for node in model.graph.node if node.op_type == "Loop"]
    if not loops:
        return None
    body = next(a.g for a in loops[int(rng.integers(len(loops)))].attribute if a.name == "body")
    facts = Facts(Model(model))
    scope = next(each for each in walk(model) if each.proto is body)
    edge = _Edge(facts, scope, body, (-1, 0), body.output[0].name)
    bound = int(rng.choice(BOUNDS))
    less = edge.node("Less", body.input[0].name, edge.const(bound))
    edge.read(edge.node("And", edge.name, less) if rng.random() < 0.5 else less)
    return f"the loop goes on below {bound}"


def _fewer_shapes(model: onnx.ModelProto, rng: np.random.Generator) -> str | None:
    """Let the model take fewer sizes: a declared one, or nodes that only one size goes through."""
    way = str(rng.choice(["declared", "zeros", "expand", "reshape"]))
    if way == "declared":
        value = model.graph.input[int(rng.integers(len(model.graph.input)))]
        dims = [dim for dim in value.type.tensor_type.shape.dim if not dim.HasField("dim_value")]
        if not dims:
            return None
        dims[int(rng.integers(len(dims)))].dim_value = bound = int(rng.choice([3, 5, *BOUNDS]))
        return f"an axis of {value.name} is {bound}"
    edge = _drawn(rng, [each for each in _edges(model) if each.kind in FLOATS and each.shape])
    if edge is None or edge.shape is None:
        return None
    axes = [axis for axis, dim in enumerate(edge.shape) if not isinstance(dim, int)]
    if not axes:
        return None
    axis, bound = int(rng.choice(axes)), int(rng.choice([3, 5, *BOUNDS]))
    sizes = [bound if place == axis else 1 for place in range(len(edge.shape))]
    if way == "zeros":
        edge.read(edge.node("Add", edge.name, edge.const(np.zeros(sizes), helper.tensor_dtype_to_np_dtype(edge.kind))))
    elif way == "expand":
        edge.read(edge.node("Expand", edge.name, edge.const(sizes)))
    else:
        shape = [bound if place == axis else 0 for place in range(len(edge.shape))]
        edge.read(edge.node("Reshape", edge.name, edge.const(shape)))
    return f"{edge.name} goes through {way} of {bound} along axis {axis}"
