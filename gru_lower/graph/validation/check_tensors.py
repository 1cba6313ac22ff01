"""Whether tensors hold as many values as their shapes say, and where those outside the file may lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.errors import InvalidModel
from gru_lower.graph.external_data import TRANSPOSED, is_external, is_marked, view
from gru_lower.graph.tensor_size import PACKED_BITS, byte_size

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE = 1 << 20
"""From so many bytes on, raw data is measured without being copied."""
SMALL = 256
"""Messages of so many bytes at most are held to their shapes once for all of one type, shape and length."""
TYPED = {
    **dict.fromkeys(("FLOAT", "COMPLEX64"), "float_data"),
    **dict.fromkeys(("DOUBLE", "COMPLEX128"), "double_data"),
    **dict.fromkeys(("UINT32", "UINT64"), "uint64_data"),
    "INT64": "int64_data",
    "STRING": "string_data",
}
"""The fields in which tensors hold their values by type; all other types do so in int32_data."""
KNOWN = frozenset(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
TWICE = ("COMPLEX64", "COMPLEX128")


def check_tensors(tensors: Iterable[TensorProto]) -> None:
    """Hold tensors to their shapes. Those of a type that the installed onnx does not know are left alone.

    Raises:
        InvalidModel: Naming the first tensor whose data does not fit (GL007), or that lies nowhere (GL006).

    """
    sound: set[tuple[int, tuple[int, ...], int]] = set()
    for tensor in tensors:
        if tensor.ByteSize() <= SMALL and tensor.HasField("raw_data") and not is_external(tensor):
            like = tensor.data_type, tuple(tensor.dims), len(tensor.raw_data)
            if like in sound:
                continue
            sound.add(like)  # what is not ends this
        if tensor.data_type not in KNOWN:
            continue  # whoever reads it is told
        if any(dim < 0 for dim in tensor.dims):
            raise _unfit(tensor, "no dim can be negative")
        if is_external(tensor):
            if is_marked(tensor):
                raise InvalidModel(
                    f"tensor {tensor.name!r} has the key {TRANSPOSED!r} of gru-lower's own among its external data",
                    code="GL006",
                    hint="export the model again: no file has it",
                )
            length = view(tensor).length
            if length != byte_size(tensor):
                raise _unfit(tensor, f"{byte_size(tensor)} bytes wanted, {length} there")
        else:
            _check_length(tensor)


def _check_length(tensor: TensorProto) -> None:
    kind = TensorProto.DataType.Name(tensor.data_type)
    field = TYPED.get(kind, "int32_data")
    if tensor.HasField("raw_data"):
        if kind == "STRING":
            raise _unfit(tensor, "texts cannot be raw data")
        wanted = byte_size(tensor)
        if wanted > LARGE and _is_as_long_as(tensor, wanted):
            return
        if len(tensor.raw_data) != wanted:
            raise _unfit(tensor, f"{wanted} bytes wanted, {len(tensor.raw_data)} there")
        return
    wanted = math.prod(tensor.dims) * (2 if kind in TWICE else 1)
    if kind in PACKED_BITS:
        wanted = byte_size(tensor)
    found = len(getattr(tensor, field))
    if found != wanted:
        raise _unfit(tensor, f"{wanted} values wanted, {found} there")


def _is_as_long_as(tensor: TensorProto, wanted: int) -> bool:
    """Whether the raw data has so many bytes, as far as the size of the message tells: reading it would copy it."""
    rest = TensorProto(dims=tensor.dims, data_type=tensor.data_type)
    for name in ("name", "doc_string"):
        if tensor.HasField(name):
            setattr(rest, name, getattr(tensor, name))
    if tensor.HasField("data_location"):
        rest.data_location = tensor.data_location
    tag_and_length = 1 + -(-wanted.bit_length() // 7)
    return bool(tensor.ByteSize() == rest.ByteSize() + tag_and_length + wanted)


def _unfit(tensor: TensorProto, why: str) -> InvalidModel:
    return InvalidModel(
        f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} ({why})",
        code="GL007",
        hint="export the model again",
    )
