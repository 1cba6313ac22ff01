"""The emitter: ONNX operators as methods, each spelled as the model's own opset and the vocabulary want it.

It authors graphsurgeon nodes, appended directly, and turns them into a :class:`Template`. What an
opset spells otherwise is decided here and nowhere else, so that what is written with it reads as equations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import TensorProto, helper, numpy_helper

from gru_lower.emission.operator_vocabulary import Vocabulary
from gru_lower.emission.template import Template
from gru_lower.graph.bounded_arrays import take

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Value: TypeAlias = Any
"""A graphsurgeon Variable; graphsurgeon ships no types."""
AXES_INPUT, SPLIT_OUTPUTS, SLICE_INPUTS, GEMM_NO_C, SHAPE_RANGE = 13, 18, 10, 11, 15
"""Opsets from which: axes and split are inputs; Split counts outputs; Slice takes inputs; Gemm's C may be absent;
Shape takes a range."""


class Emitter:
    """Authors one graph, or one body of another emitter's node.

    Args:
        opset: The opset of the model the nodes are for.
        elem_type: ``TensorProto.DataType`` of the GRU.
        vocabulary: The operators that may be written.
        around: The emitter of the graph around a body; names are unique over both.

    """

    def __init__(
        self, opset: int, elem_type: int, vocabulary: Vocabulary | None = None, around: Emitter | None = None
    ) -> None:
        """Start an empty graph.

        ``within_kernels`` takes values that onnxruntime computes within one kernel together with what reads them, and
        ``widths`` how wide some values are, where that does not follow from what they are computed of.
        """
        self.vocabulary = vocabulary or Vocabulary()
        self.opset = opset
        self.elem_type = elem_type
        self.graph: Any = gs.Graph(opset=opset)
        self.constants: dict[str, TensorProto] = {}
        self._body_initializers: dict[int, frozenset[str]] = {}
        self._values: dict[str, Value] = {}
        self.types: dict[str, onnx.TypeProto] = {}
        self._declared: dict[str, onnx.TypeProto] = {}
        self._shared: dict[str, Value] = {}
        self.within_kernels: set[str] = set()
        self.widths: dict[str, int] = {}
        self.counts: dict[str, int] = {} if around is None else around.counts

    # -- values ---------------------------------------------------------------------------------------

    def value(self, name: str) -> Value:
        """Return the free value of a name: a formal input or a weight."""
        if name not in self._values:
            self._values[name] = gs.Variable(name)
        return self._values[name]

    def tensor(self, name: str, values: Any, elem_type: int | None = None) -> Value:  # noqa: ANN401 - anything numpy takes
        """Return a small constant, of the GRU's type unless another is given."""
        kind = self.elem_type if elem_type is None else elem_type
        array = np.asarray(values).astype(helper.tensor_dtype_to_np_dtype(kind))
        key = next((k for k, t in self.constants.items() if _same(t, array, kind)), None)
        if key is None:
            key = self._local(name)
            self.constants[key] = numpy_helper.from_array(array, key)
        return self.value(key)

    def ints(self, name: str, values: Sequence[int]) -> Value:
        """Return a constant int64 vector, such as a shape or axes."""
        take(len(values))
        return self.tensor(name, list(values), TensorProto.INT64)

    def op(self, op_type: str, inputs: Sequence[Value | None], name: str, **attributes: Any) -> Value:  # noqa: ANN401
        """Append a node with one output."""
        return self.multi(op_type, inputs, [name], **attributes)[0]

    def multi(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        names: Sequence[str],
        **attributes: Any,  # noqa: ANN401 - whatever the operator takes
    ) -> list[Value]:
        """Append a node with the named outputs, ``""`` for one that is not wanted."""
        outputs: list[Any] = [gs.Variable(self._local(name) if name else "") for name in names]
        self._values.update({output.name: output for output in outputs})
        actual: list[Any] = [gs.Variable.empty() if value is None else value for value in inputs]
        label = next(output.name for output in outputs if output.name)
        self.graph.nodes.append(gs.Node(op_type, name=label, attrs=attributes, inputs=actual, outputs=outputs))
        return outputs

    def _local(self, name: str) -> str:
        count = self.counts.get(name, 0)
        local = f"{name}_{count}" if count else name
        while count and local in self.counts:
            count += 1
            local = f"{name}_{count}"
        self.counts[name] = count + 1
        self.counts.setdefault(local, 1)
        return local

    # -- views ----------------------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Sequence[int] | Value, name: str) -> Value:
        """Reshape to constant dims or to the dims a value holds."""
        return self.op(
            "Reshape", [x, shape if isinstance(shape, gs.Variable) else self.ints(f"{name}_shape", shape)], name
        )

    def transpose(self, x: Value, perm: Sequence[int], name: str) -> Value:
        """Permute the axes."""
        return self.op("Transpose", [x], name, perm=list(perm))

    def unsqueeze(self, x: Value, axes: Sequence[int], name: str) -> Value:
        """Insert axes of length 1."""
        return self._axes("Unsqueeze", x, axes, name)

    def squeeze(self, x: Value, axes: Sequence[int], name: str) -> Value:
        """Remove axes of length 1."""
        return self._axes("Squeeze", x, axes, name)

    def _axes(self, op_type: str, x: Value, axes: Sequence[int], name: str) -> Value:
        if self.opset < AXES_INPUT:
            return self.op(op_type, [x], name, axes=list(axes))
        return self.op(op_type, [x, self.ints("axes", axes)], name)

    def split(self, x: Value, width: int | Value | None, names: Sequence[str], axis: int = 0) -> list[Value]:
        """Split into as many equal parts as there are names along an axis; one part is the value itself.

        Args:
            x: What to split.
            width: The length of a part: a number, which slices need, a value [1], or ``None`` before opset 13.
            names: What to call the parts.
            axis: Along which axis.

        """
        parts = len(names)
        if parts == 1:
            return [x]
        if isinstance(width, int) and not self.vocabulary.has("Split"):
            return [self.slice(x, i * width, (i + 1) * width, axis, name) for i, name in enumerate(names)]
        if self.opset < AXES_INPUT or width is None:
            extra = {"num_outputs": parts} if self.opset >= SPLIT_OUTPUTS else {}
            return self.multi("Split", [x], names, axis=axis, **extra)
        if isinstance(width, int):
            lengths = self.ints("lengths", [width] * parts)
        else:
            each = [width, self.ints("parts", [parts])]
            lengths = self.shared(f"{parts} x {width.name}", lambda: self.op("Expand", each, "lengths"))
        return self.multi("Split", [x, lengths], names, axis=axis)

    def concat(self, values: Sequence[Value], axis: int, name: str) -> Value:
        """Join values along an axis: by one node, or by a tree of nodes with as many inputs as a node may have."""
        most = self.vocabulary.most_inputs
        while most and len(values) > most:
            values = [
                self.op("Concat", part, f"{name}_part", axis=axis) if len(part) > 1 else part[0]
                for part in (values[i : i + most] for i in range(0, len(values), most))
            ]
        return values[0] if len(values) == 1 else self.op("Concat", values, name, axis=axis)

    def stack(self, values: Sequence[Value], axis: int, name: str) -> Value:
        """Join values along a new axis."""
        lifted = [
            self.unsqueeze(value, [axis], f"{name}_{i}" if len(values) > 1 else name) for i, value in enumerate(values)
        ]
        return self.concat(lifted, axis, name)

    def slice(self, x: Value, start: int, end: int, axis: int, name: str) -> Value:
        """Take a constant range of an axis."""
        if self.opset < SLICE_INPUTS:
            return self.op("Slice", [x], name, starts=[start], ends=[end], axes=[axis])
        bounds = [self.ints("start", [start]), self.ints("end", [end]), self.ints("axes", [axis])]
        return self.op("Slice", [x, *bounds], name)

    def dim(self, x: Value, axis: int, name: str) -> Value:
        """Return a dim as an int64 vector of length 1, asked for once."""
        return self.shared(f"dim {axis} of {x.name}", lambda: self._dim(x, axis, name))

    def _dim(self, x: Value, axis: int, name: str) -> Value:
        if self.opset >= SHAPE_RANGE:
            return self.op("Shape", [x], name, start=axis, end=axis + 1)
        return self.op("Gather", [self.op("Shape", [x], f"{name}_shape"), self.ints("index", [axis])], name, axis=0)

    def gemm(
        self, a: Value, b: Value, c: Value | None, name: str, *, computed: bool = False, one_entry: bool = False
    ) -> Value:
        """Return ``a bᵀ + c``. Without Gemm the transpose of a weight ``W`` is the weight ``WT``.

        Args:
            a: The values.
            b: The weight.
            c: What to add, or ``None``.
            name: What to call the result.
            computed: Whether c is no constant. It comes first in an Add then: optimisers fold ``Add(product, c)`` into
                a Gemm, which many runtimes take with a constant C only.
            one_entry: Whether b is [1, 1]. Without Gemm it is multiplied with: pnnx makes of a MatMul with such a
                constant what ncnn has no layer for.

        """
        if not self.vocabulary.has("Gemm"):
            product = self.op(
                "Mul" if one_entry else "MatMul",
                [a, self.value(f"{b.name}T")],
                name if c is None else f"{name}_product",
            )
            return product if c is None else self.op("Add", [c, product] if computed else [product, c], name)
        if c is None:
            if self.opset >= GEMM_NO_C:
                return self.op("Gemm", [a, b], name, transB=1)
            c = self.tensor("zero", [0.0])
        return self.op("Gemm", [a, b, c], name, transB=1)

    def sub(self, a: Value, b: Value, name: str, elem_type: int | None = None) -> Value:
        """Return ``a - b``, of the GRU's type unless another is given."""
        if self.vocabulary.has("Sub"):
            return self.op("Sub", [a, b], name)
        minus = self.op("Mul", [b, self.tensor("minus_one", -1, elem_type)], f"{name}_negative")
        return self.op("Add", [a, minus], name)

    def where(self, condition: Value, yes: Value, no: float, name: str) -> Value:
        """Return ``yes`` where the condition holds and a constant elsewhere."""
        return self.op("Where", [condition, yes, self.tensor("fill", no)], name)

    def body_input(self, name: str, elem_type: int | None = None, rank: int | None = None) -> Value:
        """Add a formal input to a body, of the GRU's type unless another is given.

        It gets no shape unless a rank is given: some runtimes refuse symbolic dims on a body's inputs.
        """
        value = self.value(self._local(name))
        self.graph.inputs.append(value)
        self.types[value.name] = _tensor_type(self.elem_type if elem_type is None else elem_type, rank)
        return value

    def body_output(self, value: Value, elem_type: int | None = None, rank: int = 2) -> None:
        """Add a formal output to a body.

        It gets a rank: onnxruntime wants one, and its own inference finds none behind a Reshape to computed dims.
        """
        self.graph.outputs.append(value)
        self.types[value.name] = _tensor_type(self.elem_type if elem_type is None else elem_type, rank)

    def declare(self, value: Value, dims: Sequence[int | None], elem_type: int | None = None) -> None:
        """Write down the type of a value of which inference cannot tell it: the GRU's, unless one is given."""
        kind = self.elem_type if elem_type is None else elem_type
        self._declared[value.name] = helper.make_tensor_type_proto(kind, list(dims))

    def add_unread_states(self, index: int, values: Sequence[Value]) -> None:
        """Make values of a body states of it, from a place among its states on; nothing reads them."""
        for place, value in enumerate(values, index):
            self.body_output(value)
            self.body_input(f"{value.name}_before")
            for formals in (self.graph.inputs, self.graph.outputs):
                formals.insert(place, formals.pop())

    def shared(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the value made the first time the key was used."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    # -- results --------------------------------------------------------------------------------------

    def with_body(
        self,
        op_type: str,
        inputs: Sequence[Value],
        names: Sequence[str],
        body: Emitter,
        **attributes: Any,  # noqa: ANN401 - whatever the operator takes
    ) -> list[Value]:
        """Append a node whose body another emitter wrote; weights and constants it uses become its initializers."""
        body.graph.name = "body"
        outputs = self.multi(op_type, inputs, names, body=body.graph, **attributes)
        made = {value.name for node in body.graph.nodes for value in node.outputs}
        made.update(value.name for value in body.graph.inputs)
        used = {value.name for node in body.graph.nodes for value in node.inputs if value.name}
        self._body_initializers[id(self.graph.nodes[-1])] = frozenset(used - made)
        self.constants.update(body.constants)
        self.types.update(body.types)
        return outputs

    def template(self, results: Mapping[str, Value]) -> Template:
        """Turn what was written into a template with the named results."""
        exported = gs.export_onnx(self.graph, do_type_check=False).graph
        known = self._body_initializers
        bodies = {index: known[id(node)] for index, node in enumerate(self.graph.nodes) if id(node) in known}
        for index in bodies:
            for attribute in exported.node[index].attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    for value in (*attribute.g.input, *attribute.g.output):
                        value.type.CopyFrom(self.types[value.name])
        outputs = {key: value.name for key, value in results.items()}
        return Template(tuple(exported.node), outputs, dict(self.constants), bodies, dict(self._declared))


def _tensor_type(elem_type: int, rank: int | None = None) -> onnx.TypeProto:
    """Return a tensor type with unknown dims, or with no shape at all."""
    return helper.make_tensor_type_proto(elem_type, None if rank is None else [None] * rank)


def _same(tensor: TensorProto, array: np.ndarray[Any, np.dtype[Any]], kind: int) -> bool:
    return tensor.data_type == kind and list(tensor.dims) == list(array.shape) and tensor.raw_data == array.tobytes()
