"""Writing a GRU node with what leads to it and what is taken from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, ReadAlong, ReadAt, whole
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Vector
from gru_lower.passes.fuse_gru.tensors.tensor import Const, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Array, Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.read_cell import Cell, Form, Product
    from gru_lower.passes.fuse_gru.recognition.row import Initial


class Axis(NamedTuple):
    """An axis of a value.

    Attributes:
        name: The value.
        axis: Which axis.
        length: How long it is.

    """

    name: str
    axis: int
    length: Count


class CannotWriteError(Exception):
    """What the algebra understood cannot be had from the values that are there."""


class Writer:
    """Collects the nodes and constants that come in the place of one GRU's steps.

    Args:
        interpreter: The scope they will stand in.
        names: The model's names.
        prefix: What new names begin with.
        elem_type: The GRU's element type.

    """

    def __init__(self, interpreter: Interpreter, names: Names, prefix: str, elem_type: int) -> None:
        """Start with nothing."""
        self.interpreter, self.names, self.prefix, self.elem_type = interpreter, names, prefix, elem_type
        self.algebra: Algebra = interpreter.algebra
        self.dtype = helper.tensor_dtype_to_np_dtype(elem_type)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._renamed: dict[str, str] = {}
        self._given: set[str] = set()
        self.batches: list[Axis] = []
        """The axes of values in the graph that are the batch: all of one length."""

    @property
    def opset(self) -> int:
        """The version of ONNX's opset."""
        return self.interpreter.scope.opset

    # -- nodes ---------------------------------------------------------------------------------------

    def node(self, op: str, inputs: Sequence[str], local: str, output: str | None = None, **attributes: Any) -> str:  # noqa: ANN401 - attributes of any type
        """Append a node with one output and return the output's name."""
        name = self.names.value(f"{self.prefix}/{local}") if output is None else output
        self.nodes.append(helper.make_node(op, inputs, [name], self.names.node(f"{self.prefix}/{local}"), **attributes))
        return name

    def constant(self, array: Array, local: str) -> str:
        """Attach a constant, once for equal ones."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.names.value(f"{self.prefix}/{local}")
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            self._constants[key] = name
        return self._constants[key]

    def ints(self, values: Sequence[int], local: str) -> str:
        """Attach a vector of whole numbers."""
        return self.constant(np.array(values, np.int64), local)

    def squeeze(self, value: str, axes: Sequence[int], local: str, output: str | None = None) -> str:
        """Remove axes of length 1."""
        return self._with_axes("Squeeze", value, axes, local, output)

    def unsqueeze(self, value: str, axes: Sequence[int], local: str, output: str | None = None) -> str:
        """Insert axes of length 1."""
        return self._with_axes("Unsqueeze", value, axes, local, output)

    def _with_axes(self, op: str, value: str, axes: Sequence[int], local: str, output: str | None) -> str:
        if self.opset < 13:
            return self.node(op, [value], local, output, axes=list(axes))
        return self.node(op, [value, self.ints(axes, "axes")], local, output)

    def transpose(self, value: str, perm: Sequence[int], local: str, output: str | None = None) -> str:
        """Permute axes; nothing where that changes nothing and no name is wanted."""
        if list(perm) == sorted(perm) and output is None:
            return value
        return self.node("Transpose", [value], local, output, perm=list(perm))

    def slice(self, value: str, axis: int, start: int, end: int, local: str) -> str:
        """Read start up to, not with, end."""
        if self.opset < 10:
            return self.node("Slice", [value], local, starts=[start], ends=[end], axes=[axis])
        given = [self.ints([entry], name) for entry, name in ((start, "starts"), (end, "ends"), (axis, "axes"))]
        return self.node("Slice", [value, *given], local)

    def slice_to(self, value: str, axis: int, end: str, local: str) -> str:
        """Read up to, not with, an index that is a value."""
        shape = self.ints([1], "one")
        bound = self.node("Reshape", [end, shape], "end")
        if self.interpreter.facts.elem_type(self.interpreter.scope, end) != TensorProto.INT64:
            bound = self.node("Cast", [bound], "end_cast", to=TensorProto.INT64)
        return self.node("Slice", [value, self.ints([0], "starts"), bound, self.ints([axis], "axes")], local)

    def turned(self, value: str, length: Count, local: str) -> str:
        """Turn the first axis around, of which the length has to be known below opset 10."""
        if self.opset < 10:
            if not isinstance(length, int):
                raise CannotWriteError("a slice with a step needs opset 10")
            return self.node("Gather", [value, self.ints(range(length)[::-1], "times")], local, axis=0)
        given = [
            self.ints([entry], name) for entry, name in ((-1, "starts"), (-(2**31), "ends"), (0, "axes"), (-1, "steps"))
        ]
        return self.node("Slice", [value, *given], local)

    def current(self, value: str) -> str:
        """Return what a value is called now."""
        return self._renamed.get(value, value)

    def named(self, value: str, output: str) -> None:
        """Give a value the name it has to have: its own if it is new, that of a copy otherwise."""
        value = self.current(value)
        # What is given a name was written last: whoever made it and whoever reads it stand near the end.
        place = next((n for n in reversed(range(len(self.nodes))) if value in self.nodes[n].output), None)
        if place is None or self.nodes[place].op_type == "GRU" or value in self._given:
            self.node("Identity", [value], "same", output)
            return
        self.nodes[place].output[0] = output
        self._renamed[value] = output
        self._given.add(output)
        for node in self.nodes[place + 1 :]:
            for position, name in enumerate(node.input):
                if name == value:
                    node.input[position] = output

    # -- values from the graph -------------------------------------------------------------------------

    def place(self, leaf: Leaf) -> tuple[str, list[LeafAxis]]:
        """Return the value that a leaf is a view of, and how each of its axes is seen.

        Raises:
            CannotWriteError: There is no such value.

        """
        if leaf.source in self.algebra.constants:
            return self.constant(self.algebra.constants[leaf.source], "constant"), list(leaf.axes)
        if leaf.source not in self.algebra.defined:
            name = self.interpreter.place(leaf.source)
            if name is None:
                raise CannotWriteError("a value is not visible here")
            return name, list(leaf.axes)
        home = self.interpreter.home(self.algebra.defined[leaf.source])
        if home is None:
            raise CannotWriteError("a value is not in the graph")
        seen: list[LeafAxis] = []
        for axis, dim in zip(home.value.axes, home.value.dims, strict=True):
            if axis is FEATURES:
                seen.append(FEATURES)
            elif axis is CONSTANT and dim == 1:
                seen.append(FIRST)
            elif isinstance(axis, FreeAxis):
                seen.append(leaf.axes[axis.label])
            else:
                raise CannotWriteError("a value's axes lie together")
        return home.name, seen

    def rows(self, atom: int, local: str) -> str:
        """Return the value of an atom with at most one free axis, as (B, features)."""
        leaf = self.algebra.atoms[atom]
        if not isinstance(leaf, Leaf):
            raise CannotWriteError("an input is not in the graph")
        name, seen = self.place(leaf)
        constant = self.algebra.constants.get(leaf.source)
        dims = self.interpreter.dims(name) if constant is None else constant.shape
        return self._arranged(name, dims, seen, (leaf.lo, leaf.hi), None, local)

    def state(self, initial: Initial, local: str) -> str:
        """Return a value that is the state before a loop, as (B, features)."""
        known = self.interpreter.value(initial.name)
        assert isinstance(known, (Value, Const))
        seen: list[LeafAxis] = [
            FEATURES if axis == initial.axis else FIRST if dim == 1 else whole(0) for axis, dim in enumerate(known.dims)
        ]
        return self._arranged(initial.name, known.dims, seen, (initial.lo, initial.hi), None, local)

    def steps(self, name: str, dims: Sequence[Count], seen: list[LeafAxis], leaf: Leaf, time: int, local: str) -> str:
        """Return a value as (T, B, features), ``time`` being the axis of time."""
        return self._arranged(name, dims, seen, (leaf.lo, leaf.hi), time, local)

    def _arranged(
        self,
        name: str,
        dims: Sequence[Count],
        seen: list[LeafAxis],
        part: tuple[int, int],
        time: int | None,
        local: str,
    ) -> str:
        free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
        features = [axis for axis, entry in enumerate(seen) if entry is FEATURES]
        if len(free) > 1 or len(features) != 1:
            raise CannotWriteError("an input has more than one batch axis")
        self.batches += [Axis(name, axis, dims[axis]) for axis in free]
        if part != (0, dims[features[0]]) and part != (0, -1):
            name = self.slice(name, features[0], *part, local)
        for axis, entry in enumerate(seen):
            if axis != time and isinstance(entry, ReadAlong) and not entry.reads_all:
                raise CannotWriteError("an input's batch axis is read in another order")
            if axis != time and isinstance(entry, ReadAt) and dims[axis] != 1:
                if not isinstance(entry.position, int):
                    raise CannotWriteError("an input hangs on a counter")
                name = self.slice(name, axis, entry.position, entry.position + 1, local)
        units = [axis for axis in range(len(seen)) if axis not in (*free, *features, time)]
        lead = [] if time is None else [time]
        batch = free or units[:1]
        extra = [axis for axis in units if axis not in batch]
        name = self.transpose(name, [*lead, *extra, *batch, *features], f"{local}_ordered")
        if extra:
            name = self.squeeze(name, [len(lead) + i for i in range(len(extra))], f"{local}_squeezed")
        return name if batch else self.unsqueeze(name, [len(lead)], f"{local}_batch")

    def repeated(self, initial_h: str, x: str) -> str:
        """Give every sequence the same initial state: (1, 1, H) to (1, B, H)."""
        shape = self.node("Shape", [x], "X_shape")
        batch = self.slice(shape, 0, 1, 2, "batch")
        times = self.node("Concat", [self.ints([1], "one"), batch, self.ints([1], "one")], "times", axis=0)
        return self.node("Tile", [initial_h, times], "initial_h_each")

    # -- weights ---------------------------------------------------------------------------------------

    def weights(self, blocks: Sequence[Sequence[tuple[Product, ...]]], widths: Sequence[int], local: str) -> str:
        """Return matrices laid together as (1, rows, columns): blocks below one another, each of parts side by side."""
        height = max((m.shape[0] for row in blocks for part in row for _, m in part), default=0)
        if all(matrix.array is not None for row in blocks for part in row for _, matrix in part):
            lines = [
                np.concatenate([self._sum(part, height, w) for part, w in zip(row, widths, strict=True)], axis=1)
                for row in blocks
            ]
            return self.constant(np.concatenate(lines)[None], local)
        lines_of_names = [
            self._joined(
                [self._sum_nodes(part, height, w, local) for part, w in zip(row, widths, strict=True)], 1, local
            )
            for row in blocks
        ]
        return self.unsqueeze(self._joined(lines_of_names, 0, local), [0], local)

    def _sum(self, products: Sequence[Product], height: int, width: int) -> Array:
        if len(products) == 1 and products[0][0] == 1.0:
            array = products[0][1].array
            assert array is not None
            return np.asarray(array, self.dtype)
        total = np.zeros((height, width))
        for factor, matrix in products:
            assert matrix.array is not None
            scale = factor.data[:, None] if isinstance(factor, Vector) else factor
            total = total + scale * matrix.array.astype(np.float64)
        return total.astype(self.dtype)

    def _joined(self, parts: Sequence[str], axis: int, local: str) -> str:
        return parts[0] if len(parts) == 1 else self.node("Concat", list(parts), local, axis=axis)

    def _sum_nodes(self, products: Sequence[Product], height: int, width: int, local: str) -> str:
        parts = []
        for factor, matrix in products:
            if matrix.array is not None:
                parts.append(self.constant(self._sum([(factor, matrix)], height, width), local))
                continue
            part = self._matrix(matrix, local)
            if factor != 1.0:
                scale = factor.data[:, None] if isinstance(factor, Vector) else np.array(factor)
                part = self.node("Mul", [part, self.constant(scale.astype(self.dtype), "scale")], local)
            parts.append(part)
        if not parts:
            return self.constant(np.zeros((height, width), self.dtype), local)
        total = parts[0]
        for part in parts[1:]:
            total = self.node("Add", [total, part], local)
        return total

    def _matrix(self, matrix: Matrix, local: str) -> str:
        name = self.interpreter.place(matrix.source)
        if name is None:
            raise CannotWriteError("a matrix is not visible here")
        dims = self.interpreter.dims(name)
        if len(dims) > 2:
            units = [axis for axis, dim in enumerate(dims) if dim == 1][: len(dims) - 2]
            name = self.squeeze(name, units, local)
            dims = tuple(dim for axis, dim in enumerate(dims) if axis not in units)
        if matrix.transposed:
            name, dims = self.transpose(name, [1, 0], local), dims[::-1]
        r0, r1, c0, c1 = matrix.block
        for axis, (lo, hi) in enumerate(((r0, r1), (c0, c1))):
            if (lo, hi) != (0, dims[axis]):
                name = self.slice(name, axis, lo, hi, local)
        return name

    def bias(self, cell: Cell, hidden: int) -> str | None:
        """Return B as (1, 6H), ``None`` if all of it is 0."""
        inner = cell.inner.bias if cell.inner is not None else self.algebra.zero
        assert cell.r is not None
        parts = [cell.z.bias, cell.r.bias, cell.h.bias, self.algebra.zero, self.algebra.zero, inner]
        if not any(part.terms for part in parts):
            return None
        if all(not any(mono) for part in parts for mono, _ in part.terms):
            return self.constant(np.concatenate([self._numbers(part, hidden) for part in parts])[None], "B")
        names = [self._bias_nodes(part, hidden) for part in parts]
        return self.unsqueeze(self._joined(names, 0, "B"), [0], "B")

    def _numbers(self, poly: Poly, hidden: int) -> Array:
        total = np.zeros(hidden)
        for mono, factor in poly.terms:
            if not any(mono):
                total = total + (factor.data if isinstance(factor, Vector) else factor)
        return total.astype(self.dtype)

    def _bias_nodes(self, poly: Poly, hidden: int) -> str:
        total = self.constant(self._numbers(poly, hidden), "bias")
        for mono, factor in poly.terms:
            if any(mono):
                part = self.squeeze(self.rows(mono[0], "bias"), [0], "bias")
                if factor != 1.0:
                    scale = factor.data if isinstance(factor, Vector) else np.array(factor)
                    part = self.node("Mul", [part, self.constant(scale.astype(self.dtype), "scale")], "bias")
                total = self.node("Add", [total, part], "bias")
        return total

    def gru(
        self, cell: Cell, x: str, order: Sequence[int], initial_h: str | None, *, reverse: bool, sequence_lens: str = ""
    ) -> tuple[str, str]:
        """Append the GRU node and return the names of Y and Y_h."""
        assert cell.r is not None
        recurrent = cell.inner if cell.linear_before_reset else cell.h
        assert recurrent is not None
        forms: list[Form] = [cell.z, cell.r, cell.h]
        hidden = self.algebra.width_of(cell.state)
        widths = [self.algebra.width[atom] for atom in order]
        w = self.weights([[dict(form.inputs).get(atom, ()) for atom in order] for form in forms], widths, "W")
        r = self.weights([[form.state] for form in (cell.z, cell.r, recurrent)], [hidden], "R")
        inputs = [x, w, r, self.bias(cell, hidden) or "", sequence_lens, initial_h or ""]
        while not inputs[-1]:
            inputs.pop()
        y, y_h = (self.names.value(f"{self.prefix}/{key}") for key in ("Y", "Y_h"))
        node = helper.make_node(
            "GRU", inputs, [y, y_h], self.names.node(self.prefix), **gru_attributes(cell, hidden, reverse=reverse)
        )
        self.nodes.append(node)
        return y, y_h


def gru_attributes(cell: Cell, hidden: int, *, reverse: bool) -> dict[str, Any]:
    """Return a GRU's attributes: all that is not the operator's own default, and what runtimes want to see."""
    result: dict[str, Any] = {"hidden_size": hidden, "linear_before_reset": int(bool(cell.linear_before_reset))}
    if reverse:
        result["direction"] = "reverse"
    functions = [cell.f, cell.g]
    if [str(function) for function in functions] != ["Sigmoid", "Tanh"]:
        result["activations"] = [function.name for function in functions]
        for key in ("alpha", "beta"):
            values = [value for function in functions if (value := getattr(function, key)) is not None]
            if values:
                result[f"activation_{key}"] = values
    if cell.clip is not None:
        result["clip"] = cell.clip
    return result
