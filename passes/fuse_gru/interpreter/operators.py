"""What each operator does to interpreted values."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter import length_comparisons, masks, smaller_length
from gru_lower.passes.fuse_gru.tensors import canonical_functions, constant_arithmetic, matrix_products, views
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, Const, NotUnderstoodError, Sequence_, Value, lift

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known

Tensor = Value | Const
Handler = "Callable[[Call], list[Known]]"
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
STACKED = 16
"""Sums over more than so many stacked values are not taken apart."""
INTEGERS = (TensorProto.INT32, TensorProto.INT64, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT8)


class Call:
    """One node with what its inputs are.

    Args:
        interpreter: Whose values they are.
        node: The node.

    """

    def __init__(self, interpreter: Interpreter, node: NodeProto) -> None:
        """Hold the parts; inputs are looked up when asked for."""
        self.interpreter, self.node = interpreter, node
        self.algebra: Algebra = interpreter.algebra
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if not a.ref_attr_name}

    @property
    def opset(self) -> int:
        """The version of ONNX's opset."""
        return self.interpreter.scope.opset

    def has(self, position: int) -> bool:
        """Whether an input is given."""
        return position < len(self.node.input) and bool(self.node.input[position])

    def known(self, position: int) -> Known:
        """Return an input."""
        return self.interpreter.value(self.node.input[position])

    def tensor(self, position: int) -> Tensor:
        """Return an input that is a tensor.

        Raises:
            NotUnderstoodError: Nothing is known of it.

        """
        found = self.known(position) if self.has(position) else None
        if not isinstance(found, (Value, Const)):
            raise NotUnderstoodError
        return found

    def tensors(self) -> list[Tensor]:
        """Return all inputs."""
        return [self.tensor(position) for position in range(len(self.node.input))]

    def counts(self, position: int, attribute: str = "") -> list[Count] | None:
        """Return an input's whole numbers, or an attribute's where older opsets had that; ``None`` for neither."""
        if attribute in self.attributes:
            return [int(entry) for entry in self.attributes[attribute]]
        if not self.has(position):
            return None
        found = self.tensor(position)
        if not isinstance(found, Const):
            raise NotUnderstoodError
        return constant_arithmetic.entries(found)

    def ints(self, position: int, attribute: str = "") -> list[int] | None:
        """Return whole numbers all of which are known."""
        found = self.counts(position, attribute)
        if found is not None and any(isinstance(entry, Affine) for entry in found):
            raise NotUnderstoodError
        return None if found is None else [int(entry) for entry in found if isinstance(entry, int)]

    def number(self, position: int, attribute: str, default: float) -> float:
        """Return an input or attribute that is one number."""
        if attribute in self.attributes:
            return float(self.attributes[attribute])
        if not self.has(position):
            return default
        found = self.tensor(position)
        if not isinstance(found, Const) or found.array.size != 1 or found.array.dtype == object:
            raise NotUnderstoodError
        return float(found.array.reshape(-1)[0])


def _elementwise(function: Callable[..., Poly]) -> Callable[[Call], list[Known]]:
    def run(call: Call) -> list[Known]:
        given = call.tensors()
        constants = [value for value in given if isinstance(value, Const)]
        if len(constants) == len(given):
            return [constant_arithmetic.fold(call.node.op_type, constants)]
        return [lift(call.algebra, lambda *polys: function(call.algebra, *polys), *given)]

    return run


def _named(op: str, *parameters: tuple[str, float]) -> Callable[[Call], list[Known]]:
    def run(call: Call) -> list[Known]:
        values = tuple(float(call.attributes.get(name, default)) for name, default in parameters)
        given = call.tensor(0)
        if isinstance(given, Const):
            return [constant_arithmetic.fold(op, [given])]
        return [lift(call.algebra, lambda poly: call.algebra.fn(op, poly, parameters=values), given)]

    return run


def _identity(call: Call) -> list[Known]:
    return [call.known(0)]


def _cast(call: Call) -> list[Known]:
    to, given = int(call.attributes["to"]), call.known(0)
    if isinstance(given, Const):
        if given.array.dtype == object:
            return [given]
        return [Const(given.array.astype(helper.tensor_dtype_to_np_dtype(to)), given.dims)]
    there = call.interpreter.facts.elem_type(call.interpreter.scope, call.node.input[0])
    if there == to or (there == TensorProto.BOOL and to in (*FLOATS, *INTEGERS)):
        return [given]
    if to == TensorProto.BOOL and masks.is_binary(call.interpreter, call.node.input[0]):
        return [given]
    raise NotUnderstoodError


def _fold(call: Call, function: Callable[[Algebra, Poly, Poly], Poly]) -> list[Known]:
    given = call.tensors()
    result = given[0]
    for value in given[1:]:
        if isinstance(result, Const) and isinstance(value, Const):
            result = constant_arithmetic.fold(call.node.op_type, [result, value])
        else:
            result = lift(call.algebra, lambda a, b: function(call.algebra, a, b), result, value)
    return [result]


def _mean(call: Call) -> list[Known]:
    given = call.tensors()
    return [lift(call.algebra, lambda *p: call.algebra.scale(call.algebra.add(*p), 1.0 / len(given)), *given)]


def _clip(call: Call) -> list[Known]:
    low, high = call.number(1, "min", -inf), call.number(2, "max", inf)
    return [lift(call.algebra, lambda poly: canonical_functions.clip(call.algebra, poly, low, high), call.tensor(0))]


def _prelu(call: Call) -> list[Known]:
    slope = call.number(1, "", 0.0)
    return [lift(call.algebra, lambda poly: call.algebra.fn("LeakyRelu", poly, parameters=(slope,)), call.tensor(0))]


def _not(call: Call) -> list[Known]:
    made = masks.negated(call)
    return _elementwise(canonical_functions.complement)(call) if made is None else [made]


def _less(call: Call) -> list[Known]:
    mask = length_comparisons.compared(call)
    if mask is not None:
        return [mask]
    length_comparisons.refuse_data(call)
    function = canonical_functions.less if call.node.op_type == "Less" else canonical_functions.less_or_equal
    return _elementwise(function)(call)


def _equal(call: Call) -> list[Known]:
    length_comparisons.refuse_data(call)
    return _elementwise(lambda algebra, a, b: algebra.fn("Equal", a, b))(call)


def _min(call: Call) -> list[Known]:
    count = smaller_length.of(call)
    return _fold(call, canonical_functions.minimum) if count is None else [count]


def _greater(call: Call) -> list[Known]:
    mask = length_comparisons.compared(call)
    if mask is not None:
        return [mask]
    length_comparisons.refuse_data(call)
    given = [call.tensor(0), call.tensor(1)]
    constants = [value for value in given if isinstance(value, Const)]
    if len(constants) == 2:
        return [constant_arithmetic.fold(call.node.op_type, constants)]
    function = canonical_functions.less if call.node.op_type == "Greater" else canonical_functions.less_or_equal
    return [lift(call.algebra, lambda a, b: function(call.algebra, b, a), *given)]


# -- products with matrices ----------------------------------------------------------------------


def _matmul(call: Call) -> list[Known]:
    return [matrix_products.matmul(call.algebra, call.tensor(0), call.tensor(1))]


def _gemm(call: Call) -> list[Known]:
    a = call.attributes
    result = matrix_products.gemm(
        call.algebra,
        call.tensor(0),
        call.tensor(1),
        call.tensor(2) if call.has(2) else None,
        alpha=float(a.get("alpha", 1.0)),
        beta=float(a.get("beta", 1.0)),
        trans_a=bool(a.get("transA", 0)),
        trans_b=bool(a.get("transB", 0)),
    )
    if "activation" not in a:
        return [result]
    op = a["activation"].decode()
    parameters = tuple(float(a[key]) for key in ("activation_alpha", "activation_beta") if key in a)
    if op not in ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softsign", "Softplus"):
        raise NotUnderstoodError
    return [lift(call.algebra, lambda poly: call.algebra.fn(op, poly, parameters=parameters), result)]


def _fused_matmul(call: Call) -> list[Known]:
    a = call.attributes
    if a.get("transBatchA", 0) or a.get("transBatchB", 0):
        raise NotUnderstoodError
    sides = []
    for position, key in ((0, "transA"), (1, "transB")):
        side = call.tensor(position)
        rank = len(side.dims)
        sides.append(views.transpose(side, [*range(rank - 2), rank - 1, rank - 2]) if a.get(key, 0) else side)
    product = matrix_products.matmul(call.algebra, *sides)
    return [lift(call.algebra, lambda poly: call.algebra.scale(poly, float(a.get("alpha", 1.0))), product)]


def _fused_conv(call: Call) -> list[Known]:
    """A convolution with an activation behind it, as onnxruntime lays them together."""
    (product,) = _conv(call)
    op = call.attributes["activation"].decode()
    if call.has(3) or op not in ("Relu", "Sigmoid", "Tanh") or not isinstance(product, (Value, Const)):
        raise NotUnderstoodError
    return [lift(call.algebra, lambda poly: call.algebra.fn(op, poly), product)]


def _einsum(call: Call) -> list[Known]:
    equation = call.attributes["equation"].decode()
    return [matrix_products.einsum(call.algebra, equation, call.tensor(0), call.tensor(1))]


def _conv(call: Call) -> list[Known]:
    """A convolution of one place with one place is a product with a matrix."""
    given, kernel = call.tensor(0), call.tensor(1)
    rank = len(given.dims)
    if any(dim != 1 for dim in (*given.dims[2:], *kernel.dims[2:])) or any(call.attributes.get("pads", ())):
        raise NotUnderstoodError
    if call.attributes.get("group", 1) != 1 or call.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotUnderstoodError
    places = list(range(2, rank))
    matrix = views.transpose(views.squeeze(call.algebra, kernel, places), (1, 0))
    product = matrix_products.matmul(call.algebra, views.squeeze(call.algebra, given, places), matrix)
    if call.has(2):
        product = _sum(call.algebra, product, call.tensor(2))
    return [views.unsqueeze(product, places)]


def _sum(algebra: Algebra, one: Tensor, other: Tensor) -> Tensor:
    if isinstance(one, Const) and isinstance(other, Const):
        return constant_arithmetic.fold("Add", [one, other])
    return lift(algebra, algebra.add, one, other)


# -- views -----------------------------------------------------------------------------------------


def _transpose(call: Call) -> list[Known]:
    return [views.transpose(call.tensor(0), call.attributes.get("perm"))]


def _reshape(call: Call) -> list[Known]:
    shape = call.counts(1, "shape")
    if shape is None:
        raise NotUnderstoodError
    copied = not call.attributes.get("allowzero", 0)
    return [views.reshape(call.algebra, call.tensor(0), shape, zero_is_copied=copied)]


def _flatten(call: Call) -> list[Known]:
    given, axis = call.tensor(0), int(call.attributes.get("axis", 1))
    axis %= max(len(given.dims), 1)
    first: Count = 1
    for dim in given.dims[:axis]:
        first = first * dim
    return [views.reshape(call.algebra, given, [first, -1], zero_is_copied=False)]


def _squeeze(call: Call) -> list[Known]:
    return [views.squeeze(call.algebra, call.tensor(0), call.ints(1, "axes"))]


def _unsqueeze(call: Call) -> list[Known]:
    return [views.unsqueeze(call.tensor(0), call.ints(1, "axes") or [])]


def _slice(call: Call) -> list[Known]:
    starts, ends = call.counts(1, "starts"), call.counts(2, "ends")
    axes, steps = call.ints(3, "axes"), call.ints(4)
    result = call.tensor(0)
    if starts is None or ends is None:
        raise NotUnderstoodError
    rank = len(result.dims)
    for position, axis in enumerate(axes if axes is not None else range(len(starts))):
        step = 1 if steps is None else steps[position]
        first, size = views.bounds(starts[position], ends[position], step, result.dims[axis % rank])
        result = views.section(call.algebra, result, axis % rank, first, step, size)
    return [result]


def _gather(call: Call) -> list[Known]:
    indices = call.tensor(1)
    if not isinstance(indices, Const):
        raise NotUnderstoodError
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    if isinstance(given, Value) and len(indices.dims) == 1 and indices.array.size == 1 and indices.dims[0] != 1:
        return [_gather_along(call.algebra, given, axis % len(given.dims), indices)]
    return [views.gather(call.algebra, given, axis, indices)]


def _gather_along(algebra: Algebra, given: Value, axis: int, indices: Const) -> Tensor:
    """Read an axis at indices that count up or down, of which there are as many as nobody knows."""
    entry = indices.array.flat[0]
    step = entry.factor(("#",)) if isinstance(entry, Affine) else 0
    if step not in (1, -1):
        raise NotUnderstoodError
    return views.section(algebra, given, axis, entry - constant_arithmetic.POSITION * step, step, indices.dims[0])


def _sizes(call: Call, length: Count) -> Sequence[Count]:
    sizes = call.ints(1, "split")
    if sizes is not None:
        return sizes
    count = int(call.attributes.get("num_outputs", len(call.node.output)))
    if isinstance(length, Affine) and not any(
        factor % count for factor in (length.constant, *dict(length.terms).values())
    ):
        return [length // count] * count
    if isinstance(length, Affine) or length == UNKNOWN:
        raise NotUnderstoodError
    each = -(-length // count)
    return [min(each, length - each * i) for i in range(count)]


def _split(call: Call) -> list[Known]:
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    return list(views.split(call.algebra, given, axis, _sizes(call, given.dims[axis])))


def _concat(call: Call) -> list[Known]:
    axis = int(call.attributes["axis"])
    given = [value for value in call.tensors() if value.dims[axis] != 0]
    if not given:
        raise NotUnderstoodError
    return [given[0] if len(given) == 1 else views.concat(call.algebra, given, axis)]


def _expand(call: Call) -> list[Known]:
    shape = call.counts(1)
    if shape is None:
        raise NotUnderstoodError
    return [views.expand(call.algebra, call.tensor(0), shape)]


def _tile(call: Call) -> list[Known]:
    repeats, given = call.counts(1), call.tensor(0)
    if repeats is None or any(r != 1 and d != 1 for r, d in zip(repeats, given.dims, strict=True)):
        raise NotUnderstoodError
    return [views.expand(call.algebra, given, repeats)]


def _reverse_sequence(call: Call) -> list[Known]:
    """Turn the axis of time around, if all lengths are known to be full."""
    given, lengths = call.tensor(0), call.tensor(1)
    axis = int(call.attributes.get("time_axis", 0))
    if not isinstance(given, Value) or not isinstance(lengths, Const):
        raise NotUnderstoodError
    dim = given.dims[axis]
    if any(entry != dim for entry in lengths.array.reshape(-1).tolist()):
        raise NotUnderstoodError
    return [views.section(call.algebra, given, axis, dim - 1, -1, dim)]


def _reduce(call: Call) -> list[Known]:
    """Add up what lies along axes of which every index is known, as stacked values are."""
    given, axes = call.tensor(0), call.ints(1, "axes")
    if isinstance(given, Const):
        return [_reduced(call, given, axes)]
    if call.node.op_type == "ReduceProd" or axes is None or len(axes) != 1:
        raise NotUnderstoodError
    axis = axes[0] % len(given.dims)
    length = given.dims[axis]
    if not isinstance(length, int) or length > STACKED or given.axes[axis] is CONSTANT:
        raise NotUnderstoodError
    parts = [views.take(call.algebra, given, axis, index) for index in range(length)]
    factor = 1.0 / length if call.node.op_type == "ReduceMean" else 1.0
    total = lift(call.algebra, lambda *polys: call.algebra.scale(call.algebra.add(*polys), factor), *parts)
    return [views.unsqueeze(total, [axis]) if call.attributes.get("keepdims", 1) else total]


def _reduce_unit(call: Call) -> list[Known]:
    """Reduce over axes of length 1, which changes nothing."""
    given, axes = call.tensor(0), call.ints(1, "axes")
    if axes is None or any(given.dims[axis] != 1 for axis in axes):
        raise NotUnderstoodError
    return [given if call.attributes.get("keepdims", 1) else views.squeeze(call.algebra, given, axes)]


def _reduced(call: Call, given: Const, axes: list[int] | None) -> Const:
    if not given.whole or call.node.op_type == "ReduceMean":
        raise NotUnderstoodError
    function = np.prod if call.node.op_type == "ReduceProd" else np.sum
    along = None if axes is None else tuple(axes)
    array = np.asarray(function(given.array, axis=along, keepdims=bool(call.attributes.get("keepdims", 1))))
    array = array.astype(given.array.dtype)
    return Const(array, array.shape)


# -- sizes -----------------------------------------------------------------------------------------


def _shape(call: Call) -> list[Known]:
    dims = call.tensor(0).dims
    start, end = int(call.attributes.get("start", 0)), int(call.attributes.get("end", len(dims)))
    return [constant_arithmetic.vector(dims[start:end])]


def _size(call: Call) -> list[Known]:
    product: Count = 1
    for dim in call.tensor(0).dims:
        product = product * dim
    return [Const(np.array(product, None if isinstance(product, int) else object), ())]


def _constant(call: Call) -> list[Known]:
    name = call.node.output[0]
    array = call.interpreter.facts.array(call.interpreter.scope, name)
    return [call.interpreter.opaque(name) if array is None else Const(array, array.shape)]


def _constant_of_shape(call: Call) -> list[Known]:
    shape = call.counts(0)
    fill = call.attributes.get("value")
    array = np.zeros(1, np.float32) if fill is None else _array_of(fill)
    if shape is None:
        raise NotUnderstoodError
    return [Const(array.reshape((1,) * len(shape)), tuple(shape))]


def _array_of(tensor: Any) -> np.ndarray[Any, np.dtype[Any]]:  # noqa: ANN401 - a TensorProto, as attributes have it
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def _range(call: Call) -> list[Known]:
    given = [value for value in call.tensors() if isinstance(value, Const)]
    if len(given) != 3:
        raise NotUnderstoodError
    return [constant_arithmetic.arange(*given)]


# -- sequences -------------------------------------------------------------------------------------


def _split_to_sequence(call: Call) -> list[Known]:
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    sizes = call.counts(1)
    # The operator says that keepdims does not count where sizes are given; for one size onnxruntime lets it count.
    keepdims = bool(call.attributes.get("keepdims", 1))
    vector = sizes is not None and bool(call.tensor(1).dims)
    if not isinstance(given, Value) or (sizes is not None and set(sizes) != {1}) or (vector and not keepdims):
        raise NotUnderstoodError
    return [Sequence_(tensor=given, axis=axis % len(given.dims), keepdims=keepdims)]


def _sequence_at(call: Call) -> list[Known]:
    sequence, indices = call.known(0), call.counts(1)
    if not isinstance(sequence, Sequence_) or indices is None:
        raise NotUnderstoodError
    if sequence.tensor is None:
        if not isinstance(indices[0], int):
            raise NotUnderstoodError
        return [sequence.parts[indices[0]]]
    taken = views.take(call.algebra, sequence.tensor, sequence.axis, indices[0])
    return [views.unsqueeze(taken, [sequence.axis]) if sequence.keepdims else taken]


def _sequence_construct(call: Call) -> list[Known]:
    return [Sequence_(parts=tuple(call.tensors()))]


def _sequence_empty(_call: Call) -> list[Known]:
    return [Sequence_()]


def _sequence_insert(call: Call) -> list[Known]:
    sequence, new = call.known(0), call.tensor(1)
    if not isinstance(sequence, Sequence_) or sequence.tensor is not None:
        raise NotUnderstoodError
    place = call.ints(2)
    position = len(sequence.parts) if place is None else place[0] % (len(sequence.parts) + 1)
    return [Sequence_(parts=(*sequence.parts[:position], new, *sequence.parts[position:]))]


def _sequence_length(call: Call) -> list[Known]:
    sequence = call.known(0)
    if not isinstance(sequence, Sequence_):
        raise NotUnderstoodError
    length = len(sequence.parts) if sequence.tensor is None else sequence.tensor.dims[sequence.axis]
    made = constant_arithmetic.vector([length])
    return [Const(made.array.reshape(()), ())]


def _concat_from_sequence(call: Call) -> list[Known]:
    sequence, axis = call.known(0), int(call.attributes["axis"])
    if isinstance(sequence, Sequence_) and sequence.tensor is not None and not sequence.keepdims and not sequence.axis:
        return [_laid_together(call, sequence.tensor, axis)]
    if not isinstance(sequence, Sequence_) or sequence.tensor is not None or not sequence.parts:
        raise NotUnderstoodError
    parts = [part for part in sequence.parts if part is not None]
    if call.attributes.get("new_axis", 0):
        parts = [views.unsqueeze(part, [axis % (len(part.dims) + 1)]) for part in parts]
        axis %= len(parts[0].dims)
    return [views.concat(call.algebra, parts, axis)]


def _laid_together(call: Call, tensor: Value, axis: int) -> Tensor:
    """Lay the parts, which a tensor has along its first axis, along another one."""
    rank = len(tensor.dims)
    if call.attributes.get("new_axis", 0):
        axis %= rank
    else:
        axis %= rank - 1
        if tensor.axes[axis + 1] is not CONSTANT or tensor.dims[axis + 1] != 1:
            raise NotUnderstoodError
        squeezed = views.squeeze(call.algebra, tensor, [axis + 1])
        assert isinstance(squeezed, Value)
        tensor, rank = squeezed, rank - 1
    order = list(range(1, rank))
    order.insert(axis, 0)
    return views.transpose(tensor, order)


HANDLERS: dict[str, Callable[[Call], list[Known]]] = {
    "Add": _elementwise(lambda algebra, *polys: algebra.add(*polys)),
    "Sum": _elementwise(lambda algebra, *polys: algebra.add(*polys)),
    "Sub": _elementwise(canonical_functions.minus),
    "Mul": _elementwise(lambda algebra, a, b: algebra.mul(a, b)),
    "Div": _elementwise(canonical_functions.divide),
    "Neg": _elementwise(lambda algebra, poly: algebra.scale(poly, -1.0)),
    "Reciprocal": _elementwise(lambda algebra, poly: canonical_functions.divide(algebra, algebra.constant(1.0), poly)),
    "Pow": _elementwise(canonical_functions.power),
    "Where": _elementwise(canonical_functions.where),
    "Less": _less,
    "LessOrEqual": _less,
    "Greater": _greater,
    "GreaterOrEqual": _greater,
    "Equal": _equal,
    "And": _elementwise(lambda algebra, a, b: algebra.mul(a, b)),
    "Not": _not,
    "Or": _elementwise(lambda algebra, a, b: algebra.fn("Or", a, b)),
    "Mod": _elementwise(lambda algebra, a, b: algebra.fn("Mod", a, b)),
    "Mean": _mean,
    "Max": lambda call: _fold(call, canonical_functions.maximum),
    "Min": _min,
    "Log": _elementwise(canonical_functions.log),
    "Exp": _named("Exp"),
    "Abs": _named("Abs"),
    "Sqrt": _named("Sqrt"),
    "Sigmoid": _named("Sigmoid"),
    "Tanh": _named("Tanh"),
    "Relu": _named("Relu"),
    "Softsign": _named("Softsign"),
    "Softplus": _named("Softplus"),
    "Elu": _named("Elu", ("alpha", 1.0)),
    "LeakyRelu": _named("LeakyRelu", ("alpha", 0.01)),
    "ThresholdedRelu": _named("ThresholdedRelu", ("alpha", 1.0)),
    "HardSigmoid": _named("HardSigmoid", ("alpha", 0.2), ("beta", 0.5)),
    "PRelu": _prelu,
    "Clip": _clip,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "FusedGemm": _gemm,
    "FusedMatMul": _fused_matmul,
    "Einsum": _einsum,
    "Conv": _conv,
    "FusedConv": _fused_conv,
    "Identity": _identity,
    "Dropout": _identity,
    "Cast": _cast,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Gather": _gather,
    "Split": _split,
    "Concat": _concat,
    "Expand": _expand,
    "Tile": _tile,
    "ReverseSequence": _reverse_sequence,
    "ReduceSum": _reduce,
    "ReduceMean": _reduce,
    "ReduceMin": _reduce_unit,
    "ReduceMax": _reduce_unit,
    "ReduceProd": _reduce,
    "Shape": _shape,
    "Size": _size,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "SplitToSequence": _split_to_sequence,
    "SequenceAt": _sequence_at,
    "SequenceConstruct": _sequence_construct,
    "SequenceEmpty": _sequence_empty,
    "SequenceInsert": _sequence_insert,
    "SequenceLength": _sequence_length,
    "ConcatFromSequence": _concat_from_sequence,
}
