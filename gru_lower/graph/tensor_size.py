"""How many bytes a tensor takes."""

from __future__ import annotations

import math

import onnx
from onnx import TensorProto

from gru_lower.errors import InvalidModel

PACKED_BITS = {"INT2": 2, "UINT2": 2, "INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4}
"""Bits per element of the types whose elements share bytes, by name: not every onnx has all of them."""


def itemsize(elem_type: int) -> int:
    """Bytes per element of a tensor type, as numpy holds it.

    Raises:
        InvalidModel: There is no such type.

    """
    try:
        return int(onnx.helper.tensor_dtype_to_np_dtype(elem_type).itemsize)
    except KeyError as error:
        raise InvalidModel(
            f"element type {elem_type} is none that ONNX {onnx.__version__} knows",
            code="GL007",
            hint="export the model again, or upgrade the onnx package",
        ) from error


def byte_size(tensor: TensorProto) -> int:
    """Return the number of bytes a tensor's shape and type come to."""
    count: int = math.prod(tensor.dims)
    size = itemsize(tensor.data_type)
    bits = PACKED_BITS.get(TensorProto.DataType.Name(tensor.data_type))
    return count * size if bits is None else (count * bits + 7) // 8
