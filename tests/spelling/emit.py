"""Writes nodes into a graph, a body or a function, in the spelling its opset has."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spelling.draw import Draw

Array = npt.NDArray[Any]
INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1


@dataclass
class Target:
    """What a whole model is written for.

    Attributes:
        draw: Where choices come from.
        opset: Of the default domain.
        ir_version: Below 4 a body has no initializers.
        dtype: Of every float tensor.
        weights: Where weights live: "initializer", "node", "body", "input", "carried".
        scalars: The shape of scalar constants.
        noise: How likely a value passes through a node that does nothing.
        feeds: The weights that became inputs of the graph.

    """

    draw: Draw
    opset: int
    ir_version: int
    dtype: np.dtype[Any]
    weights: str = "initializer"
    constants: str = "here"
    scalars: tuple[int, ...] = ()
    noise: float = 0.0
    feeds: dict[str, Array] = field(default_factory=dict)
    counter: itertools.count[int] = field(default_factory=itertools.count)


@dataclass
class Carried:
    """A value a body carries from step to step besides the state of its cell."""

    initial: str
    name: str
    next: str
    info: onnx.ValueInfoProto


class Emit:
    """One scope under construction.

    Attributes:
        target: What is common to all scopes of the model.
        parent: The scope around this one; values of a function see no parent.
        kind: "graph", "body" (of Loop and Scan), "branch" or "function".
        carried: Weights and counters that a body hands on; its container adds them to the states.

    """

    def __init__(self, target: Target, kind: str = "graph", parent: Emit | None = None) -> None:
        self.target, self.kind, self.parent = target, kind, parent
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.carried: list[Carried] = []
        self.parameters: list[tuple[str, str]] = []
        self.known: dict[Any, str] = {}

    @property
    def opset(self) -> int:
        """The opset nodes are written in."""
        return self.target.opset

    @property
    def draw(self) -> Draw:
        """The choices of the model as a whole."""
        return self.target.draw

    def child(self, kind: str) -> Emit:
        """Return a scope inside this one."""
        return Emit(self.target, kind, self)

    def root(self) -> Emit:
        """Return the outermost scope whose values are seen here: the graph, or the function."""
        scope = self
        while scope.parent is not None and scope.kind != "function":
            scope = scope.parent
        return scope

    def name(self, hint: str = "v") -> str:
        """Return a name nothing else has."""
        return f"{hint}_{next(self.target.counter)}"

    def ops(self, op_type: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Append a node and return its outputs."""
        names = [self.name(op_type.lower()) for _ in range(outputs)]
        present = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(op_type, list(inputs), names, name=names[0], **present))
        return names

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Append a node of one output and return it."""
        return self.ops(op_type, *inputs, outputs=1, **attributes)[0]

    # Constants.

    def tensor(self, array: Array, hint: str = "c", where: str = "here") -> str:
        """Return a constant: in this scope or in the root, as an initializer or from a Constant node."""
        scope = self.root() if where == "root" else self
        key = (array.dtype.str, array.shape, array.tobytes())
        if key in scope.known:
            return scope.known[key]
        name = self.name(hint)
        proto = numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name)
        if where == "node" or scope.kind == "function" or self.target.ir_version < 4:
            scope.nodes.append(helper.make_node("Constant", [], [name], value=proto))
        else:
            scope.initializers.append(proto)
        if where != "node":
            scope.known[key] = name
        return name

    def ints(self, *values: int, scalar: bool = False, dtype: Any = np.int64) -> str:
        """Return an integer constant, 1-D unless it is a scalar."""
        return self.tensor(np.array(values[0] if scalar else values, dtype), "i", self.target.constants)

    def scalar(self, value: float) -> str:
        """Return a float constant of the model's type."""
        return self.tensor(np.full(self.target.scalars, value, self.target.dtype), "s", self.target.constants)

    def weight(self, array: Array, hint: str = "w") -> str:
        """Return a weight where this model keeps its weights."""
        where, array = self.target.weights, array.astype(self.target.dtype)
        if where == "carried" and self.kind == "body":
            return self.carry(array, hint)
        if where == "input":
            return self._fed(array, hint)
        if where in {"node", "body"}:
            return self.tensor(array, hint, "node" if where == "node" else "here")
        name = self.tensor(array, hint, "root")
        if where == "identity":
            return self.op("Identity", name)
        if where == "copies":
            self.root().known.clear()
        return name

    def carry(self, array: Array, hint: str = "k", step: Callable[[str], str] | None = None) -> str:
        """Return a value that the body carries: the same at each step, or made anew by ``step``."""
        key = ("carry", array.dtype.str, array.shape, array.tobytes(), step is None)
        if key in self.known:
            return self.known[key]
        assert self.parent is not None
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.known[key] = self.carry_value(self.parent.tensor(array, hint, "root"), kind, array.shape, step)
        return self.known[key]

    def carry_value(
        self,
        initial: str,
        kind: int,
        shape: Sequence[int | str | None] | None,
        step: Callable[[str], str] | None = None,
    ) -> str:
        """Return a value carried from an outer value of a type and shape."""
        name = self.name("k")
        info = helper.make_tensor_value_info(name, kind, shape)
        after = self.op("Identity", name) if step is None else step(name)
        self.carried.append(Carried(initial, name, after, info))
        return name

    def _fed(self, array: Array, hint: str) -> str:
        """Return a weight that is an input of the graph, or of the function as well."""
        scope = self.root()
        key = ("fed", array.shape, array.tobytes())
        if key not in scope.known:
            if scope.kind == "function":
                assert scope.parent is not None
                scope.known[key] = self.name(hint)
                scope.parameters.append((scope.known[key], scope.parent._fed(array, hint)))
            else:
                name = scope.known[key] = self.name(hint)
                kind = helper.np_dtype_to_tensor_dtype(array.dtype)
                scope.inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
                self.target.feeds[name] = array
        return scope.known[key]

    # Operators whose form changes with the opset.

    def squeeze(self, value: str, axis: int) -> str:
        """Drop an axis of size 1."""
        if self.opset < 13:
            return self.op("Squeeze", value, axes=[axis])
        return self.op("Squeeze", value, self.ints(axis))

    def unsqueeze(self, value: str, axis: int) -> str:
        """Add an axis of size 1."""
        if self.opset < 13:
            return self.op("Unsqueeze", value, axes=[axis])
        return self.op("Unsqueeze", value, self.ints(axis))

    def slice(self, value: str, start: int, end: int, axis: int, step: int = 1) -> str:
        """Take ``start:end:step`` of an axis."""
        if self.opset < 10:
            assert step == 1
            return self.op("Slice", value, starts=[start], ends=[end], axes=[axis])
        given = [self.ints(start), self.ints(end), self.ints(axis)]
        return self.op("Slice", value, *given, *([self.ints(step)] if step != 1 else []))

    def split(self, value: str, sizes: Sequence[int], axis: int, *, explicit: bool = True) -> list[str]:
        """Split an axis; without sizes given the parts are equal."""
        if self.opset < 13:
            return self.ops("Split", value, outputs=len(sizes), axis=axis, split=list(sizes) if explicit else None)
        if explicit:
            return self.ops("Split", value, self.ints(*sizes), outputs=len(sizes), axis=axis)
        number = len(sizes) if self.opset >= 18 else None
        return self.ops("Split", value, outputs=len(sizes), axis=axis, num_outputs=number)

    def clip(self, value: str, low: float, high: float) -> str:
        """Bound a value; onnxruntime's Clip takes float64 from opset 12 on."""
        if self.target.dtype == np.float64 and 8 <= self.opset < 12:
            return self.op("Min", self.op("Max", value, self.scalar(low)), self.scalar(high))
        if self.opset < 11:
            return self.op("Clip", value, min=float(low), max=float(high))
        kind = self.target.dtype
        bounds = [self.tensor(np.array(bound, kind), "s", self.target.constants) for bound in (low, high)]
        return self.op("Clip", value, *bounds)

    def reduce(self, op_type: str, value: str, axis: int, keepdims: int = 1) -> str:
        """Reduce one axis."""
        if self.opset < (13 if op_type == "ReduceSum" else 18):
            return self.op(op_type, value, axes=[axis], keepdims=keepdims)
        return self.op(op_type, value, self.ints(axis), keepdims=keepdims)

    def add(self, knob: str, a: str, b: str) -> str:
        """Add two values in either order."""
        return self.op("Add", a, b) if self.draw.flag(f"{knob} order", 0.5) else self.op("Add", b, a)

    def pass_on(self, value: str, knob: str, rank: int = 2) -> str:
        """Pass a value through a node that changes nothing, now and then."""
        if not self.draw.flag(f"noise {knob}", self.target.noise):
            return value
        kinds = ["Identity", "Cast", "Transpose twice", "Dropout", "times 1", "plus 0", "Reshape"]
        kind = self.draw(f"no-op {knob}", kinds)
        if kind == "Cast":
            return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(self.target.dtype))
        if kind == "Transpose twice":
            perm = [*range(rank - 2), rank - 1, rank - 2]
            return self.op("Transpose", self.op("Transpose", value, perm=perm), perm=perm)
        if kind == "times 1":
            return self.op("Mul", value, self.scalar(1))
        if kind == "plus 0":
            return self.op("Add", value, self.scalar(0))
        if kind == "Reshape":
            return self.op("Reshape", value, self.ints(*([0] * (rank - 1)), -1))
        return self.op(kind, value)
