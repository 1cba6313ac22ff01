"""What operators do with the values they take - compute, move or select, quantise - and of which type the result is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto

from gru_lower.graph.scopes import ONNX_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Sequence

CASTS = ("Cast", "CastLike")

ANY_INPUT = (-1,)
"""Stands for all inputs of an operator."""

# fmt: off
_FIRST = (
    "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "GatherElements",
    "GatherND", "Split", "Expand", "Tile", "Compress", "DepthToSpace", "SpaceToDepth", "ReverseSequence", "MaxPool",
    "ReduceMax", "ReduceMin", "TopK", "Unique", "Trilu", "CenterCropPad", "Relu", "SequenceAt", "ConcatFromSequence",
    "SplitToSequence", "OptionalGetElement", "Optional", "SequenceErase", "Cast", "CastLike",
)
_MOVED = {
    **dict.fromkeys(_FIRST, (0,)),
    **dict.fromkeys(("Concat", "Max", "Min", "SequenceConstruct"), ANY_INPUT),
    **dict.fromkeys(("Scatter", "ScatterElements", "ScatterND", "Pad"), (0, 2)),
    "Where": (1, 2), "Clip": (0, 1, 2), "SequenceInsert": (0, 1),
}
_INT64 = {"Shape", "Size", "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression"}
_BOOL = {
    "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf",
}
_TYPE_OF_INPUT = {"Where": 1, "CastLike": 1, "DequantizeLinear": 1, "OneHot": 2}
_INT32 = {"MatMulInteger", "ConvInteger"}
_DTYPE_OR_FLOAT = {"RandomNormal", "RandomUniform"}
_DTYPE_OR_INPUT = {"RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"}
TYPED_BY_ATTRIBUTE = {
    "Cast", "Constant", "ConstantOfShape", "QuantizeLinear", "Multinomial", *_DTYPE_OR_FLOAT, *_DTYPE_OR_INPUT,
}
"""Operators whose attributes may say of which type the result is."""
# fmt: on
_COARSENESS: dict[int, int] = {
    TensorProto.DOUBLE: 1,
    TensorProto.FLOAT: 2,
    TensorProto.FLOAT16: 3,
    TensorProto.BFLOAT16: 4,
}
_INTEGERS = {
    onnx.TensorProto.DataType.Value(name)
    for name in ("INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "INT4", "UINT4")
    if name in onnx.TensorProto.DataType.keys()  # noqa: SIM118 - an enum wrapper, no dict
}


def coarseness(elem_type: int) -> int:
    """Return how coarse a float type is: 1 for float64 to 4 for bfloat16; 0 for what is none."""
    return _COARSENESS.get(elem_type, 0)


def integer_types() -> set[int]:
    """Return the element types of whole numbers."""
    return _INTEGERS


def moved_inputs(op_type: str) -> tuple[int, ...] | None:
    """Return which inputs' values an operator moves or selects; ``ANY_INPUT`` for all, ``None`` if it computes."""
    return _MOVED.get(op_type)


def is_quantiser(node: onnx.NodeProto) -> bool:
    """Whether a node rounds to a scale's steps: QuantizeLinear, DynamicQuantizeLinear, QLinearMatMul, QGemm, ..."""
    name = node.op_type
    if "Dequant" in name:
        return False
    own = node.domain in ONNX_DOMAINS
    return "Quant" in name or name.startswith("QLinear") or (not own and name[:1] == "Q" and name[1:2].isupper())


def drawn_or_made_type(node: onnx.NodeProto, place: int, given: Sequence[int]) -> int:
    """Return the element type of a node's output, 0 where it is not known.

    Args:
        node: The node; it has no bodies.
        place: Which of its outputs.
        given: The element types of its inputs.

    """
    attributes = {attribute.name: attribute for attribute in node.attribute}
    name = node.op_type
    if name == "Cast":
        return attributes["to"].i if "to" in attributes else 0
    if name == "Constant":
        return _constant_type(node)
    if name == "ConstantOfShape":
        return int(attributes["value"].t.data_type) if "value" in attributes else TensorProto.FLOAT
    if name in _INT64 or (name in {"TopK", "Unique", "MaxPool"} and place):
        return TensorProto.INT64
    if name in _BOOL or (name == "Dropout" and place):
        return TensorProto.BOOL
    if name in _INT32:
        return TensorProto.INT32
    if name == "QuantizeLinear":
        stated = attributes["output_dtype"].i if "output_dtype" in attributes else 0
        return stated or (given[2] if len(given) > 2 and given[2] else TensorProto.UINT8)
    if name == "DynamicQuantizeLinear":
        return TensorProto.FLOAT if place == 1 else TensorProto.UINT8
    if name in _DTYPE_OR_FLOAT | _DTYPE_OR_INPUT and "dtype" in attributes:
        return int(attributes["dtype"].i)
    if name in _DTYPE_OR_FLOAT:
        return TensorProto.FLOAT
    if name == "Multinomial":
        return attributes["dtype"].i if "dtype" in attributes else TensorProto.INT32
    if name.startswith(("QLinear", "QGemm")):
        return next((each for each in given if each in {TensorProto.INT8, TensorProto.UINT8}), 0)
    at = _TYPE_OF_INPUT.get(name)
    if at is not None:
        return given[at] if at < len(given) else 0
    if moved_inputs(name) == (0,):
        return given[0] if given else 0
    return next((each for each in given if coarseness(each)), next(iter(given), 0))


def _constant_type(node: onnx.NodeProto) -> int:
    kinds = {"value_float": TensorProto.FLOAT, "value_floats": TensorProto.FLOAT, "value_int": TensorProto.INT64}
    kinds |= {"value_ints": TensorProto.INT64, "value_string": TensorProto.STRING, "value_strings": TensorProto.STRING}
    for attribute in node.attribute:
        if attribute.name == "value":
            return int(attribute.t.data_type)
        if attribute.name == "sparse_value":
            return int(attribute.sparse_tensor.values.data_type)
        if attribute.name in kinds:
            return kinds[attribute.name]
    return 0
