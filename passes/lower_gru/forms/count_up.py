"""The numbers 0, 1, 2, ... below a count that is known at run time, in the opsets that have no Range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

NON_ZERO = 9
"""The opset from which NonZero and ConstantOfShape are there."""


def count_up(e: Emitter, v: Variant, count: Value, name: str) -> Value:
    """Return 0, 1, ..., count - 1, [count] int64: the places of ones that are not zero, or what a Loop counts.

    Args:
        e: Where to write.
        v: The variant.
        count: How many, [1] int64.
        name: What to call the result.

    """
    if e.opset >= NON_ZERO:
        one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
        ones = e.op("ConstantOfShape", [count], f"{name}_ones", value=one)
        return e.squeeze(e.op("NonZero", [ones], f"{name}_places"), [0], name)
    true = e.tensor("true", values=True, elem_type=TensorProto.BOOL)
    first = e.ints("first_number", [0])
    body = v.emitter(e)
    body.body_input(f"{name}_k", TensorProto.INT64, 0)
    going = body.body_input(f"{name}_going", TensorProto.BOOL, 0)
    number = body.body_input(f"{name}_number", TensorProto.INT64, 1)
    body.body_output(body.op("Identity", [going], f"{name}_still_going"), TensorProto.BOOL, rank=0)
    body.body_output(body.op("Add", [number, body.ints("next", [1])], f"{name}_next"), TensorProto.INT64, rank=1)
    body.body_output(body.op("Identity", [number], f"{name}_out"), TensorProto.INT64, rank=1)
    trips = e.squeeze(count, [0], f"{name}_count")
    end, column = e.with_body("Loop", [trips, true, first], [f"{name}_end", f"{name}_column"], body)
    e.declare(end, [1], TensorProto.INT64)
    e.declare(column, [None, 1], TensorProto.INT64)
    return e.reshape(column, [-1], name)
