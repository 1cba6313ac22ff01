"""Tensors as they are in a file: under another name, without a message for each."""

from __future__ import annotations

from functools import lru_cache

from onnx import TensorProto

from gru_lower.graph.message_layout import whole

NAME, RAW_DATA = (TensorProto.DESCRIPTOR.fields_by_name[name].number for name in ("name", "raw_data"))


def renamed(tensor: TensorProto, name: str) -> bytes:
    """Return a tensor under another name, as it is in a file."""
    if tensor.HasField("raw_data"):
        kind, raw = _kind(tuple(tensor.dims), tensor.data_type), whole(RAW_DATA, tensor.raw_data)
        old = whole(NAME, tensor.name.encode()) if tensor.HasField("name") else b""
        if tensor.ByteSize() == len(kind) + len(old) + len(raw):  # there is nothing else in it
            return b"".join((kind, whole(NAME, name.encode()), raw))
    named = TensorProto()
    named.CopyFrom(tensor)
    named.name = name
    return bytes(named.SerializeToString())


@lru_cache(1 << 8)
def _kind(dims: tuple[int, ...], data_type: int) -> bytes:
    return bytes(TensorProto(dims=dims, data_type=data_type).SerializeToString())
