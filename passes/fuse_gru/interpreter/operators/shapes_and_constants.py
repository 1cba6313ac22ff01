"""Shapes and constants: Shape, Size, Constant, ConstantOfShape, Range, NonZero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.integer_vectors import arange, int_vector
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def shape_node(call: Call) -> list[Known]:
    """Shape."""
    dims = call.tensor(0).dims
    start, end = int(call.attributes.get("start", 0)), int(call.attributes.get("end", len(dims)))
    return [int_vector(dims[start:end])]


def size_node(call: Call) -> list[Known]:
    """Size."""
    product: Count = 1
    for dim in call.tensor(0).dims:
        product = product * dim
    return [ConstTensor(np.array(product, None if isinstance(product, int) else object), ())]


def constant_node(call: Call) -> list[Known]:
    """Constant."""
    name = call.node.output[0]
    array = call.values.facts.array(call.values.scope, name)
    return [call.values.opaque(name) if array is None else ConstTensor(array, array.shape)]


def constant_of_shape_node(call: Call) -> list[Known]:
    """ConstantOfShape."""
    shape = call.counts(0)
    fill = call.attributes.get("value")
    array = np.zeros(1, np.float32) if fill is None else numpy_helper.to_array(fill)
    if shape is None:
        raise NotUnderstoodError
    return [ConstTensor(array.reshape((1,) * len(shape)), tuple(shape))]


def range_node(call: Call) -> list[Known]:
    """Range."""
    given = [value for value in call.tensors() if isinstance(value, ConstTensor)]
    if len(given) != 3:
        raise NotUnderstoodError
    return [arange(*given)]


def non_zero(call: Call) -> list[Known]:
    """NonZero of a vector that is zero nowhere: 0, 1, 2, ..."""
    given = call.tensor(0)
    if not isinstance(given, ConstTensor) or len(given.dims) != 1 or given.array.dtype.kind not in "biuf":
        raise NotUnderstoodError
    if not given.array.all():
        raise NotUnderstoodError
    return [unsqueeze(arange(*(count_constant(count) for count in (0, given.dims[0], 1))), [0])]
