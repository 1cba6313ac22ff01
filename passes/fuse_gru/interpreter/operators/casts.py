"""Operators that hand their input on: Identity, Dropout, and Cast and CastLike where they keep the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

from gru_lower.graph import random_nodes
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter.lossless_casts import keeps_count
from gru_lower.passes.fuse_gru.interpreter.masks import is_binary
from gru_lower.passes.fuse_gru.interpreter.value_types import elem_type_of
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
INTEGERS = (TensorProto.INT32, TensorProto.INT64, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT8)


def identity_node(call: Call) -> list[Known]:
    """Identity."""
    return [call.known(0)]


def dropout_node(call: Call) -> list[Known]:
    """Dropout, which hands its input on where it is not in training mode."""
    opset, training = call.values.scope.opset, call.known(2) if call.has(2) else None
    if opset < random_nodes.ATTRIBUTE_BELOW and not call.attributes.get("is_test", 0):
        raise NotUnderstoodError
    if call.has(2) and not (isinstance(training, ConstTensor) and not training.array.any()):
        raise NotUnderstoodError
    return [call.known(0)]


def cast_node(call: Call) -> list[Known]:
    """Cast of a constant, to the same type, of booleans to numbers, and of 0 and 1 to booleans."""
    return [_cast(call, int(call.attributes["to"]))]


def cast_like_node(call: Call) -> list[Known]:
    """CastLike: a Cast to the type of another value, where that is known."""
    to = elem_type_of(call.values, call.node.input[1])
    if not to:
        raise NotUnderstoodError
    return [_cast(call, to)]


def _cast(call: Call, to: int) -> Known:
    given = call.known(0)
    if isinstance(given, ConstTensor):
        if given.array.dtype == object:
            if not all(keeps_count(entry, to) for entry in given.array.flat if isinstance(entry, Affine)):
                raise NotUnderstoodError
            return given
        return ConstTensor(given.array.astype(helper.tensor_dtype_to_np_dtype(to)), given.dims)
    there = elem_type_of(call.values, call.node.input[0])
    if there == to or (there == TensorProto.BOOL and to in (*FLOATS, *INTEGERS)):
        return given
    if to == TensorProto.BOOL and is_binary(call.values, call.node.input[0]):
        return given
    raise NotUnderstoodError
