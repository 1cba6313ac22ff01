"""Writing the streamed model: nodes, constants, states with their first values, and the two counters."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gru_lower.light_dataclass import dataclass
from gru_lower.streaming.description import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto

    from gru_lower.graph.names import Names
    from gru_lower.passes.stream.open_dim import Open

Array = np.ndarray[Any, np.dtype[Any]]
INT64_MAX = np.iinfo(np.int64).max


@dataclass
class Written:
    """A state of the streamed model.

    Attributes:
        state: What is said of it.
        elem_type: Its ``TensorProto.DataType``.
        dims: Its dims, open ones by name.

    """

    state: State
    elem_type: int
    dims: list[int | str]


@dataclass
class Writer:
    """Collects the nodes of the streamed model.

    Attributes:
        opset: The model's.
        names: The names it has, and those that are handed out.
        nodes: What was written, in order.
        initializers: The constants that were added.
        states: The states, in the order of their inputs.

    """

    opset: int
    names: Names
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    states: list[Written] = field(default_factory=list)
    _constants: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def emit(
        self,
        op_type: str,
        inputs: Sequence[str],
        local: str,
        output: str | None = None,
        **attributes: Any,  # noqa: ANN401 - whatever the operator takes
    ) -> str:
        """Write a node with one output, and return its name."""
        output = self.names.value(local) if output is None else output
        self.nodes.append(helper.make_node(op_type, inputs, [output], self.names.node(local), **attributes))
        return output

    def constant(self, array: Array, local: str) -> str:
        """Return the name of a constant; equal ones are written once."""
        array = np.ascontiguousarray(array)
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self.names.value(local)
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def make_room(self, name: str) -> str:
        """Give a value that was written another name, so that its own can be a later output's; return the new one."""
        other = self.names.value(f"{name}_early")
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, each in enumerate(names):
                    if each == name:
                        names[place] = other
        return other

    def slice(
        self, value: str, axis: int, start: int, end: int | None, local: str, output: str | None = None, step: int = 1
    ) -> str:
        """Write a Slice along one axis; ``end=None`` is the end."""
        stop = INT64_MAX if end is None else end
        if self.opset < 10:
            if step != 1:
                raise ValueError("Slice has no steps below opset 10")
            return self.emit("Slice", [value], local, output, axes=[axis], starts=[start], ends=[stop])
        given = [start], [stop], [axis], [step]
        names = [
            self.constant(np.array(each, np.int64), f"{local}_{what}")
            for each, what in zip(given, ("start", "end", "axis", "step"), strict=True)
        ]
        return self.emit("Slice", [value, *names[: 3 if step == 1 else 4]], local, output)

    def concat(self, values: Sequence[str], axis: int, local: str, output: str | None = None) -> str:
        """Write a Concat."""
        return self.emit("Concat", values, local, output, axis=axis)

    def reshape(self, value: str, dims: Sequence[int], local: str, output: str | None = None) -> str:
        """Write a Reshape to constant dims; one may be -1."""
        return self.emit("Reshape", [value, self.constant(np.array(dims, np.int64), f"{local}_dims")], local, output)

    def axes_node(self, op_type: str, value: str, axes: Sequence[int], local: str, output: str | None = None) -> str:
        """Write a Squeeze or Unsqueeze, whose axes are an input from opset 13 on."""
        if self.opset < 13:
            return self.emit(op_type, [value], local, output, axes=list(axes))
        return self.emit(op_type, [value, self.constant(np.array(axes, np.int64), f"{local}_axes")], local, output)

    def sum_of(self, value: str, local: str) -> str:
        """Write a ReduceSum of a vector, [1], whose axes are an input from opset 13 on."""
        if self.opset < 13:
            return self.emit("ReduceSum", [value], local, axes=[0], keepdims=1)
        axes = self.constant(np.array([0], np.int64), f"{local}_axis")
        return self.emit("ReduceSum", [value, axes], local, keepdims=1)

    def clip01(self, value: str, dtype: np.dtype[Any], local: str) -> str:
        """Write a Clip to 0 ... 1."""
        if self.opset < 11:
            return self.emit("Clip", [value], local, min=0.0, max=1.0)
        bounds = [self.constant(np.array(bound, dtype), f"{local}_{bound}") for bound in (0, 1)]
        return self.emit("Clip", [value, *bounds], local)

    def state(
        self,
        wanted: str,
        elem_type: int,
        dims: Sequence[int | Open],
        first: Array | float = 0.0,
        kind: str = "cache",
        *,
        names: tuple[str, str] | None = None,
    ) -> tuple[str, str]:
        """Add a state.

        Args:
            wanted: What to call it.
            elem_type: Its ``TensorProto.DataType``.
            dims: Its dims.
            first: Its first value: a number, or an array that broadcasts to the dims.
            kind: ``recurrent``, ``cache``, ``count`` or ``sum``.
            names: Its input and output, where they exist already.

        Returns:
            The name of its input, and that its next value has to be written to.

        """
        if names is None:
            base = readable(wanted)
            names = self.names.value(base), self.names.value(f"{base}_next")
        spelled = [dim if isinstance(dim, int) else str(dim) for dim in dims]
        value = np.asarray(first)
        described = State(names[0], names[1], tuple(spelled), _first(value), kind)
        self.states.append(Written(described, elem_type, spelled))
        return names


def _first(value: Array) -> Any:  # noqa: ANN401 - a number or nested lists of numbers
    """Return a first value as it stands in JSON: a number where all are the same."""
    flat = value.reshape(-1).astype(np.float64)
    if not flat.size or bool((flat == flat[0]).all()):
        return float(flat[0]) if flat.size else 0.0
    return value.astype(np.float64).tolist()


def readable(wanted: str) -> str:
    """Return a name of letters, digits and underscores, as a program may use it."""
    text = re.sub(r"_+", "_", re.sub(r"[^0-9A-Za-z]+", "_", wanted)).strip("_")
    return text if text and not text[0].isdigit() else f"state_{text}".rstrip("_")


def dtype_of(elem_type: int) -> np.dtype[Any]:
    """Return numpy's type of an element type."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))
