"""Reductions: ReduceSum, ReduceMean and ReduceProd of constants or of stacked values, and over axes of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, unsqueeze

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

STACKED = 16
"""Sums over more than so many stacked values are not taken apart."""


def reduce_node(call: Call) -> list[Known]:
    """ReduceSum, ReduceMean and ReduceProd of a constant; ReduceSum and ReduceMean over an axis of stacked values."""
    given, axes = call.tensor(0), call.ints(1, "axes")
    if isinstance(given, ConstTensor):
        return [_reduced_constant(call, given, axes)]
    if call.node.op_type == "ReduceProd" or axes is None or len(axes) != 1:
        raise NotUnderstoodError
    axis = axes[0] % len(given.dims)
    length = given.dims[axis]
    if not isinstance(length, int) or length > STACKED or given.axes[axis] is CONSTANT:
        raise NotUnderstoodError
    parts = [take_index(call.algebra, given, axis, index) for index in range(length)]
    factor = 1.0 / length if call.node.op_type == "ReduceMean" else 1.0
    total = apply_elementwise(call.algebra, lambda *polys: call.algebra.scale(call.algebra.add(*polys), factor), *parts)
    return [unsqueeze(total, [axis]) if call.attributes.get("keepdims", 1) else total]


def reduce_unit_axes_node(call: Call) -> list[Known]:
    """ReduceMin and ReduceMax over axes of length 1, which change no number."""
    given, axes = call.tensor(0), call.ints(1, "axes")
    if axes is None or any(given.dims[axis] != 1 for axis in axes):
        raise NotUnderstoodError
    return [given if call.attributes.get("keepdims", 1) else squeeze(call.algebra, given, axes)]


def _reduced_constant(call: Call, given: ConstTensor, axes: list[int] | None) -> ConstTensor:
    if not given.is_full or call.node.op_type == "ReduceMean":
        raise NotUnderstoodError
    function = np.prod if call.node.op_type == "ReduceProd" else np.sum
    along = None if axes is None else tuple(axes)
    array = np.asarray(function(given.array, axis=along, keepdims=bool(call.attributes.get("keepdims", 1))))
    array = array.astype(given.array.dtype)
    return ConstTensor(array, array.shape)
