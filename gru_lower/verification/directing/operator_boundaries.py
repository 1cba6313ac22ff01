"""What single operators make of the values they take, and which numbers they meet in them."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from onnx import TensorProto, helper

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.directing.traced_values import SIZE, Form, Value, inexact, joined, moved, negated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

# fmt: off
_KEPT = {
    "Identity", "Cast", "CastLike", "Squeeze", "Unsqueeze", "Reshape", "Transpose", "Flatten", "Expand", "Slice",
    "Split", "Tile", "Pad", "ReduceMax", "ReduceMin", "Clip", "Relu", "Dropout", "Gather", "GatherElements", "GatherND",
    "ReverseSequence", "Compress", "TopK", "Floor", "Ceil", "Round", "Trilu", "Unique",
}
_ABOUT = {"ReduceMean", "ReduceSum", "CumSum", "QuantizeLinear", "DequantizeLinear", "LeakyRelu", "PRelu", "Elu", "Mod"}
_JOINED = {"Concat", "Max", "Min", "Sum"}
_COMPARING = {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal", "Min", "Max", "Mod", "Pow"}
_AT_ZERO = {"Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Abs", "Sign", "Sqrt", "Log"}
_SIZES_OF = {"Shape", "Size", "NonZero"}
_MOST_OF_TYPE = {
    TensorProto.INT8: (-128, 127), TensorProto.UINT8: (0, 255), TensorProto.INT16: (-32768, 32767),
    TensorProto.UINT16: (0, 65535), TensorProto.FLOAT16: (2048, 65504), TensorProto.BFLOAT16: (256,),
    TensorProto.BOOL: (0,),
}
_FLOAT_BOUNDS = {"HardSwish": (-3.0, 3.0)}
# fmt: on
_LAST = 1 << 40  # what stands for "to the end" in a Slice


@dataclass
class Met:
    """What a node meets.

    Attributes:
        values: Values that grow with something, and the numbers they meet.
        sizes: Numbers that dims meet.
        loose: Numbers that dims may meet, where what meets them is not known.

    """

    values: list[tuple[Value, float]] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    loose: list[float] = field(default_factory=list)


def made_value(node: onnx.NodeProto, given: Sequence[Value], place: int) -> Value:
    """Return what is known of an output of a node without bodies.

    Args:
        node: The node.
        given: What is known of its inputs.
        place: Which of its outputs.

    """
    name = node.op_type
    if not given:
        return Value()
    first = given[0]
    if name in _SIZES_OF or (name == "Unique" and place):
        return Value(forms=(Form(SIZE),))
    if name == "Range":
        return inexact(joined(*given[:2]))
    if name == "Where":
        return joined(*given[1:3])
    if name in _KEPT:
        constant = first.constant if name in {"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape"} else None
        if first.shape is not None and constant is None:
            return given[1] if name == "Gather" and len(given) > 1 else Value()
        return Value(constant, first.shape, first.forms)
    if name in _ABOUT:
        return inexact(first)
    if name in _JOINED:
        return joined(*given)
    if name == "Neg":
        return negated(first)
    if name == "Abs":
        return joined(first, negated(first))
    if name in {"Add", "Sub", "Mul", "Div"} and len(given) > 1:
        return _arithmetic(name, first, given[1])
    return Value()


def _arithmetic(name: str, first: Value, second: Value) -> Value:
    if second.numbers() and first.forms:
        return moved(first, second, name)
    if first.numbers() and second.forms:
        if name == "Sub":
            return moved(negated(second), first, "Add")
        return moved(second, first, name) if name in {"Add", "Mul"} else inexact(second)
    return inexact(joined(first, second)) if first.shape is None and second.shape is None else inexact(joined(first))


def met_numbers(node: onnx.NodeProto, given: Sequence[Value]) -> Met:
    """Return the numbers that a node's inputs meet in it.

    Args:
        node: The node, of ONNX's own domain and without bodies.
        given: What is known of its inputs.

    """
    met, name = Met(), node.op_type
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if not a.ref_attr_name}
    if name in _COMPARING:
        _compare(given, met)
    elif name in _AT_ZERO:
        met.values += [(given[0], 0.0)]
    elif name in {"Slice", "Gather", "GatherElements", "GatherND", "ScatterND", "ScatterElements"}:
        _index(name, given, attributes, met)
    elif name in {"TopK", "Split", "Pad", "Range", "Tile", "CenterCropPad"}:
        counted = [*given[1:]] if name != "Range" else [*given]
        met.sizes += [number for value in counted for number in value.numbers()]
        met.sizes += [float(each) for key in ("k", "split", "pads", "repeats") for each in _listed(attributes.get(key))]
    elif name in {"Cast", "CastLike"}:
        met.values += [(given[0], float(each)) for each in _MOST_OF_TYPE.get(attributes.get("to", 0), ())]
    else:
        _bound(name, given, attributes, met)
    return met


def _compare(given: Sequence[Value], met: Met) -> None:
    numbers = [number for value in given for number in value.numbers()]
    growing = [value for value in given if value.forms]
    met.values += [(value, number) for value in growing for number in numbers]
    if not growing:
        met.loose += [number for number in numbers if number.is_integer()]


def _index(name: str, given: Sequence[Value], attributes: dict[str, Any], met: Met) -> None:
    data, places = given[0], given[1:3] if name == "Slice" else given[1:2]
    listed = [*_listed(attributes.get("starts")), *_listed(attributes.get("ends"))] if name == "Slice" else []
    numbers = [*(number for value in places for number in value.numbers()), *map(float, listed)]
    if not any(form.source == SIZE for form in data.forms):  # else it is an axis, not a step
        met.sizes += [number for number in numbers if abs(number) < _LAST]
    if data.shape:
        axis = int(attributes.get("axis", 0)) if name == "Gather" else 0
        ends = [data.shape[axis]] if name == "Gather" else [each for each in data.shape[:-1] if each > 1]
        met.values += [(value, end - 1.0) for value in places for end in ends]
        if any(form.source == SIZE for value in places for form in value.forms):
            met.sizes += map(float, ends)


def _bound(name: str, given: Sequence[Value], attributes: dict[str, Any], met: Met) -> None:
    bounds: list[float] = list(_FLOAT_BOUNDS.get(name, ()))
    if name == "Clip":
        bounds += [float(attributes[key]) for key in ("min", "max") if key in attributes]
        bounds += [number for value in given[1:3] for number in value.numbers()]
    elif name == "HardSigmoid":
        alpha, beta = float(attributes.get("alpha", 0.2)), float(attributes.get("beta", 0.5))
        bounds += [-beta / alpha, (1 - beta) / alpha] if alpha else []
    elif name == "ThresholdedRelu":
        bounds += [float(attributes.get("alpha", 1.0))]
    elif name == "Shrink":
        bounds += [float(attributes.get("lambd", 0.5)), -float(attributes.get("lambd", 0.5))]
    elif name == "QuantizeLinear" and len(given) > 1:
        bounds += [side * number for number in given[1].numbers()[:2] for side in (-128.0, 127.0, 255.0)]
    met.values += [(given[0], bound) for bound in bounds if given]


def _listed(value: object) -> list[float]:
    if isinstance(value, (int, float)):
        return [float(value)]
    return [float(each) for each in value] if isinstance(value, (list, tuple)) else []
