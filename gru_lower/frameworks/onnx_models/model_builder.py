"""Writing a model of GRU nodes with what frameworks put around them: transposes, directions side by side, states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.errors import Unsupported
from gru_lower.gru.spec import Direction, GruSpec
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.frameworks.weights.cell import Array, DirectedCell, Merge

Dims = list["int | str"]
OPSET, OLDEST = 17, 13
"""The opset written by default, and the oldest whose Squeeze and Split these models are spelled with."""
BFLOAT16_OPSET = 22
IR_VERSION = 8
"""One that every runtime of the last years knows."""
TIME_AND_BATCH = (1, 0, 2)


class Builder:
    """Holds a graph while it is written. Values are named by strings; shapes are in the docstrings.

    Args:
        dtype: The element type of everything but lengths.
        opset: The model's; ``None`` for :data:`OPSET`, or what the type needs.

    Raises:
        Unsupported: The opset is too old, too new, or too old for the type.

    """

    def __init__(self, dtype: np.dtype[Any], opset: int | None) -> None:
        self.elem_type = helper.np_dtype_to_tensor_dtype(dtype)
        needed = BFLOAT16_OPSET if self.elem_type == TensorProto.BFLOAT16 else OLDEST
        self.opset = max(needed, OPSET) if opset is None else opset
        newest = onnx.defs.onnx_opset_version()
        if not needed <= self.opset <= newest:
            raise Unsupported(
                f"opset {self.opset} is not written here", code="GL008", hint=f"one from {needed} to {newest}"
            )
        self._dtype = dtype
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._named: dict[str, str] = {}
        self._count = 0

    def input(self, name: str, dims: Sequence[int | str], elem_type: int | None = None) -> str:
        """Add an input of the model."""
        self._inputs.append(helper.make_tensor_value_info(name, elem_type or self.elem_type, list(dims)))
        return name

    def output(self, name: str, value: str, dims: Sequence[int | str]) -> None:
        """Make a value an output of the model."""
        if value in self._named:
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        else:
            self._named[value] = name
        self._outputs.append(helper.make_tensor_value_info(name, self.elem_type, list(dims)))

    def op(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:  # noqa: ANN401 - attribute values
        """Add a node of one output and return that."""
        name = self._fresh(op_type.lower())
        self._nodes.append(helper.make_node(op_type, list(inputs), [name], name=name, **attributes))
        return name

    def split(self, value: str, axis: int, sizes: Sequence[int]) -> list[str]:
        """Cut a value along an axis."""
        names = [self._fresh("split") for _ in sizes]
        self._nodes.append(helper.make_node("Split", [value, self.ints(sizes)], names, name=names[0], axis=axis))
        return names

    def tensor(self, array: Array, stem: str) -> str:
        """Add a constant."""
        name = self._fresh(stem)
        self._tensors[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """Add a constant of whole numbers, or find it again."""
        name = "ints_" + "_".join(map(str, values)).replace("-", "m")
        self._tensors[name] = numpy_helper.from_array(np.array(values, np.int64), name)
        return name

    def float(self, value: float) -> str:
        """Add a scalar of the model's type."""
        return self.tensor(np.array(value, self._dtype), "scalar")

    def count(self, number: int) -> str:
        """Add an int32 scalar, of the type of sequence_lens."""
        return self.tensor(np.array(number, np.int32), "count")

    def swapped(self, value: str) -> str:
        """Swap time and batch: [B,T,I] to [T,B,I], and back."""
        return self.op("Transpose", [value], perm=TIME_AND_BATCH)

    def flipped(self, value: str, axis: int) -> str:
        """Turn a value round along an axis."""
        lowest = int(np.iinfo(np.int64).min)
        return self.op("Slice", [value, *(self.ints([n]) for n in (-1, lowest, axis, -1))])

    def squeezed(self, value: str, axis: int) -> str:
        """Drop an axis of length 1."""
        return self.op("Squeeze", [value, self.ints([axis])])

    def unsqueezed(self, value: str, axis: int) -> str:
        """Insert an axis of length 1."""
        return self.op("Unsqueeze", [value, self.ints([axis])])

    def gru(
        self, x: str, directed_cells: Sequence[DirectedCell], initial_h: str = "", lens: str = "", stem: str = "gru"
    ) -> list[str]:
        """Add a GRU node and return its Y [T,D,B,H] and Y_h [D,B,H].

        Args:
            x: [T,B,I].
            directed_cells: One direction, or forward and reverse, which have to fit each other.
            initial_h: [D,B,H], or ``""`` for zeros.
            lens: [B] int32, or ``""``.
            stem: Beginning of the names.

        """
        cells = [each.cell for each in directed_cells]
        name = self._fresh(stem)
        inputs = {
            "X": x,
            "W": self.tensor(np.stack([cell.W for cell in cells]), f"{name}_W"),
            "R": self.tensor(np.stack([cell.R for cell in cells]), f"{name}_R"),
        }
        biases = [np.concatenate([cell.Wb, cell.Rb]) for cell in cells if cell.Wb is not None and cell.Rb is not None]
        if biases:
            inputs["B"] = self.tensor(np.stack(biases), f"{name}_B")
        if lens:
            inputs["sequence_lens"] = lens
        if initial_h:
            inputs["initial_h"] = initial_h
        spec = GruSpec(
            version=BFLOAT16_OPSET if self.opset >= BFLOAT16_OPSET else 7,
            elem_type=self.elem_type,
            hidden_size=cells[0].hidden_size,
            input_size=cells[0].input_size,
            seq_length=None,
            batch_size=None,
            directions=tuple(
                Direction(i, each.reverse, each.cell.f, each.cell.g) for i, each in enumerate(directed_cells)
            ),
            linear_before_reset=cells[0].linear_before_reset,
            layout=0,
            clip=None,
            inputs=inputs,
            Y=f"{name}_Y",
            Y_h=f"{name}_Y_h",
        )
        self._nodes.append(spec.to_node(name))
        return [spec.Y, spec.Y_h]

    def side_by_side(self, Y: str, directions: int) -> str:
        """Make [T,B,D·H] of Y [T,D,B,H]."""
        if directions == 1:
            return self.squeezed(Y, 1)
        return self.op("Reshape", [self.op("Transpose", [Y], perm=[0, 2, 1, 3]), self.ints([0, 0, -1])])

    def merged(self, left: str, right: str, how: Merge) -> str:
        """Merge what two directions gave along the last axis, or element by element."""
        if how == "concat":
            return self.op("Concat", [left, right], axis=-1)
        if how == "mul":
            return self.op("Mul", [left, right])
        total = self.op("Add", [left, right])
        return total if how == "sum" else self.op("Div", [total, self.float(2.0)])

    def model(self) -> onnx.ModelProto:
        """Return the model: what no output needs is left out, and the checker has seen it."""
        nodes: list[onnx.NodeProto] = []
        used = set(self._named) | {info.name for info in self._outputs}
        for node in reversed(self._nodes):
            if used.isdisjoint(node.output):
                continue
            outputs = [name if name in used else "" for name in node.output]
            node.output[:] = outputs if outputs[-1] else outputs[:1]
            used.update(node.input)
            nodes.insert(0, node)
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [self._named.get(name, name) for name in names]
        tensors = [tensor for name, tensor in self._tensors.items() if name in used]
        graph = helper.make_graph(nodes, "gru", self._inputs, self._outputs, tensors)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="gru-lower", producer_version=tool_version()
        )
        model.ir_version = max(IR_VERSION, helper.find_min_ir_version_for(opsets))
        onnx.checker.check_model(model, full_check=True)
        return model

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"


def numbered(name: str, count: int) -> list[str]:
    """Return the names of several inputs or outputs of one kind: NAME alone, or NAME_0, NAME_1 and so on."""
    return [name] if count == 1 else [f"{name}_{k}" for k in range(count)]
