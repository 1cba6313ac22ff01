"""Write the nodes and constants that come in the place of one GRU's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.graph.external_data import mark_transposed, set_view
from gru_lower.passes.fuse_gru.algebra.matrices import digest
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.external_data import View
    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis


class NodeWriter:
    """Collects the nodes and constants that come in the place of one GRU's steps.

    Args:
        interpreter: The scope they will stand in.
        names: The model's names.
        prefix: What new names begin with.
        elem_type: The GRU's element type.
        runs: Whether what is written is run.

    """

    def __init__(
        self, interpreter: Interpreter, names: Names, prefix: str, elem_type: int, *, runs: bool = True
    ) -> None:
        """Start with nothing."""
        self.runs = runs
        self.interpreter, self.names, self.prefix, self.elem_type = interpreter, names, prefix, elem_type
        self.algebra: Algebra = interpreter.algebra
        self.dtype = helper.tensor_dtype_to_np_dtype(elem_type)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._renamed: dict[str, str] = {}
        self._given: set[str] = set()
        self.batches: list[BatchAxis] = []
        """The axes of values in the graph that are the batch: all of one length."""

    @property
    def opset(self) -> int:
        """The version of ONNX's opset."""
        return self.interpreter.scope.opset

    def node(self, op: str, inputs: Sequence[str], local: str, output: str | None = None, **attributes: Any) -> str:  # noqa: ANN401 - attributes of any type
        """Append a node with one output and return the output's name."""
        name = self.names.value(f"{self.prefix}/{local}") if output is None else output
        self.nodes.append(helper.make_node(op, inputs, [name], self.names.node(f"{self.prefix}/{local}"), **attributes))
        return name

    def constant(self, array: Array, local: str) -> str:
        """Attach a constant, once for equal ones."""
        key = (array.dtype.str, array.shape, digest(array))
        if key not in self._constants:
            name = self.names.value(f"{self.prefix}/{local}")
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            self._constants[key] = name
        return self._constants[key]

    def view(
        self,
        where: View,
        dims: Sequence[int],
        local: str,
        before: tuple[int, int] | None = None,
        further: Sequence[int] = (),
    ) -> str:
        """Attach weights that lie in a file, once for those of one place.

        Args:
            where: Where they lie.
            dims: Their shape.
            local: Their local name.
            before: The shape in the file of matrices that are to be transposed; ``None`` for weights as they are.
            further: Where those matrices begin that are below the first one.

        """
        key = (self.dtype.str, tuple(dims), where, before, tuple(further))
        if key not in self._constants:
            name = self.names.value(f"{self.prefix}/{local}")
            tensor = TensorProto(name=name, data_type=self.elem_type, dims=dims)
            set_view(tensor, where)
            if before is not None:
                mark_transposed(tensor, before, further)
            self.initializers.append(tensor)
            self._constants[key] = tensor.name
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
        """Read from start up to end, exclusive."""
        if self.opset < 10:
            return self.node("Slice", [value], local, starts=[start], ends=[end], axes=[axis])
        given = [self.ints([entry], name) for entry, name in ((start, "starts"), (end, "ends"), (axis, "axes"))]
        return self.node("Slice", [value, *given], local)

    def slice_to(self, value: str, axis: int, end: str, local: str) -> str:
        """Read from 0 up to an index that is a value, exclusive."""
        shape = self.ints([1], "one")
        bound = self.node("Reshape", [end, shape], "end")
        if self.interpreter.facts.elem_type(self.interpreter.scope, end) != TensorProto.INT64:
            bound = self.node("Cast", [bound], "end_cast", to=TensorProto.INT64)
        return self.node("Slice", [value, self.ints([0], "starts"), bound, self.ints([axis], "axes")], local)

    def concat(self, parts: Sequence[str], axis: int, local: str) -> str:
        """Concatenate values; one alone is itself."""
        return parts[0] if len(parts) == 1 else self.node("Concat", list(parts), local, axis=axis)

    def reverse(self, value: str, length: Count, local: str) -> str:
        """Reverse the first axis.

        Raises:
            CannotWriteError: Its length is not known, which is needed below opset 10.

        """
        if self.opset < 10:
            if not isinstance(length, int):
                raise CannotWriteError("a slice with a step needs opset 10")
            return self.node("Gather", [value, self.ints(range(length)[::-1], "times")], local, axis=0)
        given = [
            self.ints([entry], name) for entry, name in ((-1, "starts"), (-(2**31), "ends"), (0, "axes"), (-1, "steps"))
        ]
        return self.node("Slice", [value, *given], local)

    def current(self, value: str) -> str:
        """Return the name of a value that may have been renamed by :meth:`rename`."""
        return self._renamed.get(value, value)

    def rename(self, value: str, output: str) -> None:
        """Give a value the name of an output: to itself where nothing stands against it, else to a copy."""
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
