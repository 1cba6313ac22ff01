"""Whether a graph is plain: every operator, attribute and size in it is of a kind that onnx's C++ is known to take.

What is not is read by onnx in a process of its own, which costs nothing but time: this errs towards "not plain".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, FunctionProto, TensorProto, numpy_helper

from gru_lower.errors import FOREIGN_FAILURES
from gru_lower.graph.external_data import is_external
from gru_lower.graph.local_functions import Functions, key_of
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.validation.check_nodes import what_is_wrong
from gru_lower.graph.validation.operator_rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto, ValueInfoProto

    from gru_lower.graph.local_functions import Key
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.validation.operator_rules import OperatorRule

ELEMENTWISE = {
    *(
        "Abs",
        "Acos",
        "Acosh",
        "Add",
        "And",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Cos",
    ),
    *("Cosh", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual"),
    *(
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Mean",
    ),
    *(
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "PRelu",
        "Pow",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
    ),
    *("Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"),
}
MOVING = {
    *("Concat", "Expand", "Flatten", "Gather", "Pad", "Reshape", "ReverseSequence", "Slice", "Split", "Squeeze"),
    *("Tile", "Transpose", "Unsqueeze"),
}
OTHERS = {
    *("ArgMax", "BatchNormalization", "Constant", "ConstantOfShape", "CumSum", "DequantizeLinear", "Gemm", "GRU", "If"),
    *("InstanceNormalization", "LSTM", "LayerNormalization", "LogSoftmax", "Loop", "MatMul", "QuantizeLinear", "RNN"),
    *("ArgMin", "DepthToSpace", "Hardmax", "LRN", "LpNormalization", "Range", "ReduceL1", "ReduceL2", "ReduceLogSum"),
    *("ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Scan"),
    *("Shape", "Size", "Softmax", "SpaceToDepth", "TopK"),
}
WINDOWS = {
    *(
        "AveragePool",
        "Conv",
        "ConvTranspose",
        "GlobalAveragePool",
        "GlobalLpPool",
        "GlobalMaxPool",
        "LpPool",
        "MaxPool",
    ),
}
INDEXED = {"Einsum", "GatherElements", "GatherND", "ScatterElements", "ScatterND"}
SEQUENCES = {
    *("ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceLength"),
}
PLAIN = ELEMENTWISE | MOVING | OTHERS | WINDOWS | INDEXED | SEQUENCES
"""Operators whose inference reads nothing that an attribute or a constant could send beyond an array's end."""
ONNXS_OWN = "ai.onnx"
"""What the names of domains begin with of which onnx knows operators."""
OPSETS = range(7, 1000)
"""Of the oldest opsets, inference checks less."""
NO_LESS_THAN_0 = {"pads", "split", "k", "hidden_size"}
LARGEST = 2**31 - 1
LARGEST_AXIS = 64
DIVISORS = {"strides", "dilations", "kernel_shape", "group", "blocksize"}
"""Attributes of windows and blocks that have to be positive."""
MOST_AXES = 32
ENDS = {LARGEST, 2**63 - 1, -(2**63), -(2**63) + 1}
"""Numbers that stand for the end of an axis in a Slice."""
SMALL = 512
"""Constants of more elements are no sizes or axes."""
MOST_BODIES = 500
MOST_CALLED, DEEPEST = 5000, 16


def is_plain(model: onnx.ModelProto, scopes: Iterable[Scope] | None = None) -> bool:
    """Whether all of a model is plain.

    Args:
        model: The model.
        scopes: Its scopes, where somebody has read them before.

    """
    try:
        if model.functions and not has_few_calls(model, MOST_CALLED, DEEPEST):
            return False
        keys = {key_of(function) for function in model.functions}
        for bodies, scope in enumerate(walk(model) if scopes is None else scopes):
            if bodies > MOST_BODIES or not _is_plain_scope(scope, keys):
                return False
    except FOREIGN_FAILURES:
        return False
    return True


def has_few_calls(model: onnx.ModelProto, most: int = MOST_CALLED, deepest: int | None = None) -> bool:
    """Whether a model's functions, written out wherever they are called, are no more nodes than that.

    Args:
        model: A model whose functions do not call themselves.
        most: How many nodes they may be in all.
        deepest: How deep calls may be nested, ``None`` for any depth.

    """
    functions = Functions(model, lambda _node: False)
    sizes: dict[Key, int] = {}
    depths: dict[Key, int] = {}
    for key in reversed(functions.callers_first()):
        called = functions.called_directly(key)
        sizes[key] = len(functions.by_key[key].node) + sum(sizes[each] for each in called)
        depths[key] = 1 + max((depths[each] for each in called), default=0)
    calls = (key for key, each in functions.calls.items() for scope, _ in each if scope.function is None)
    return (deepest is None or max(depths.values(), default=0) <= deepest) and sum(sizes[key] for key in calls) <= most


def _is_plain_scope(scope: Scope, functions: set[Key]) -> bool:
    graph = scope.proto
    if scope.opset not in OPSETS or not _have_plain_types(graph.value_info):
        return False
    if not isinstance(graph, FunctionProto):
        if graph.sparse_initializer or not all(map(_is_plain_constant, graph.initializer)):
            return False
        if not _have_plain_types(graph.input) or not _have_plain_types(graph.output):
            return False
    read = scope.columns
    if not all(map(_is_plain_constant, read.tensors)):
        return False
    for index in range(len(read.nodes)) if functions else read.unlike:
        node = read.nodes[index]
        if key_of(node) in functions:
            continue
        if not is_onnx(node):
            if node.domain.startswith(ONNXS_OWN):
                return False
            continue  # onnx has no function for it, and passes it by
        if node.op_type not in PLAIN:
            return False
        rule = rule_of(node.op_type, "", scope.opset)
        if (
            rule is None
            or not rule.exact
            or what_is_wrong(node, rule) is not None
            or not _has_plain_attributes(node, rule)
        ):
            return False
    return True


def _has_plain_attributes(node: NodeProto, rule: OperatorRule) -> bool:
    for attribute in node.attribute:
        if attribute.name not in rule.attributes or attribute.type == AttributeProto.UNDEFINED:
            return False
        if attribute.type == AttributeProto.INT:
            if not _is_plain_number(node, attribute.name, attribute.i):
                return False
        elif attribute.type == AttributeProto.INTS:
            numbers = attribute.ints
            if len(numbers) > SMALL or not all(_is_plain_number(node, attribute.name, each) for each in numbers):
                return False
        elif attribute.name == "equation":
            if not _is_plain_equation(attribute.s, len(node.input)):
                return False
        elif attribute.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS, AttributeProto.TYPE_PROTO):
            return False
    return True


def _is_plain_number(node: NodeProto, name: str, number: int) -> bool:
    if "axis" in name or "axes" in name or name == "perm":
        return -LARGEST_AXIS <= number <= LARGEST_AXIS
    if name == "num_outputs":
        return number == len(node.output)
    if name in DIVISORS:
        return 0 < number < SMALL
    if name in NO_LESS_THAN_0:
        return 0 <= number <= LARGEST
    if name in ("starts", "ends"):
        return abs(number) <= LARGEST or number in ENDS
    return abs(number) <= LARGEST


def _is_plain_equation(equation: bytes, inputs: int) -> bool:
    """Whether an Einsum has a term of letters for each input, and an output of letters that are in them."""
    terms, arrow, output = equation.decode("ascii", "replace").replace(" ", "").partition("->")
    given = terms.split(",")
    letters = all(term.isalpha() for term in given) and (output.isalpha() or not output)
    return bool(arrow) and letters and len(given) == inputs and set(output) <= set(terms)


def _is_plain_constant(tensor: TensorProto) -> bool:
    """Whether a constant may be a size or an axis that nothing is wrong with; large ones are none."""
    if len(tensor.dims) > MOST_AXES or any(dim > LARGEST for dim in tensor.dims):
        return False
    if is_external(tensor) or tensor.data_type not in (TensorProto.INT64, TensorProto.INT32):
        return True
    if tensor.ByteSize() > 16 * SMALL:
        return True
    numbers = numpy_helper.to_array(tensor).reshape(-1).tolist()
    least = -LARGEST - (tensor.data_type == TensorProto.INT64)  # in 64 bits the least of 32 is a number like others
    return all(least <= number <= LARGEST or number in ENDS for number in numbers)


def _have_plain_types(values: Iterable[ValueInfoProto]) -> bool:
    for value in values:
        if value.type.HasField("tensor_type"):
            dims = value.type.tensor_type.shape.dim
            if len(dims) > MOST_AXES or any(not 0 <= dim.dim_value <= LARGEST for dim in dims):
                return False
        elif value.type.WhichOneof("value") not in (None, "sequence_type"):
            return False
    return True
