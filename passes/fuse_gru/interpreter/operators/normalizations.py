"""BatchNormalization at inference, which scales and shifts each channel by constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, const_tensor, full_array

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

MODE_BELOW = 14
"""The opset from which on training is an attribute; below, further outputs are there in training alone."""


def batch_normalization_node(call: Call) -> list[Known]:
    """BatchNormalization with constants, (X - mean) / √(var + ε) · scale + B along the second axis."""
    training = call.attributes.get("training_mode", 0) or (
        call.values.scope.opset < MODE_BELOW and any(call.node.output[1:])
    )
    given, numbers = call.tensor(0), [call.tensor(place) for place in range(1, 5)]
    if training or len(given.dims) < 2 or call.attributes.get("spatial", 1) != 1:
        raise NotUnderstoodError
    arrays = []
    for each in numbers:
        if not isinstance(each, ConstTensor) or each.array.dtype == object:
            raise NotUnderstoodError
        arrays.append(full_array(each).astype(np.float64))
    scale, bias, mean, variance = arrays
    factor = scale / np.sqrt(variance + float(call.attributes.get("epsilon", 1e-5)))
    shape = (-1, *(1 for _ in given.dims[2:]))
    algebra = call.algebra
    scaled = apply_elementwise(algebra, algebra.mul, given, const_tensor(factor.reshape(shape)))
    return [apply_elementwise(algebra, algebra.add, scaled, const_tensor((bias - mean * factor).reshape(shape)))]
