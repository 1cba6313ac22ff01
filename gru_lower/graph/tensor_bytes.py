"""Tensors as they are in a file: under another name, without a message for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import TensorProto


def renamed(tensor: TensorProto, name: str) -> bytes:
    """Return a tensor under another name, as it is in a file."""
    old = tensor.name if tensor.HasField("name") else None
    tensor.name = name
    try:
        return bytes(tensor.SerializeToString())
    finally:
        if old is None:
            tensor.ClearField("name")
        else:
            tensor.name = old
