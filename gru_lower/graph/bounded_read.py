"""Reading what may have no end, a pipe or a device, as far as a protobuf message may reach and no farther."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 2**31 - 1
"""How many bytes a protobuf message may have."""
BLOCK = 1 << 20


def read_bounded(stream: BinaryIO, name: str) -> bytes:
    """Read a stream to its end.

    Args:
        stream: A pipe, a device, or any other.
        name: What it is called in the message.

    Raises:
        Unsupported: It goes on beyond 2 GiB (GL005).

    """
    held = io.BytesIO()  # whose bytes can be had without a copy
    while block := stream.read(BLOCK):
        if held.tell() + len(block) > LIMIT:
            raise too_large(name)
        held.write(block)
    return held.getvalue()


def read_file(path: Path, limit: int = LIMIT) -> bytes:
    """Read a file; one that is no regular file as :func:`read_bounded` does.

    Args:
        path: The file.
        limit: How many bytes a regular file may have.

    Raises:
        OSError: It cannot be read.
        Unsupported: It is larger than 2 GiB (GL005).

    """
    if not path.is_file():
        with path.open("rb") as stream:
            return read_bounded(stream, str(path))
    if path.stat().st_size > limit:
        raise too_large(str(path))
    return path.read_bytes()


def too_large(name: str) -> Unsupported:
    """Return the error for what is larger than a protobuf message may be."""
    return Unsupported(
        f"{name}: larger than the 2 GiB a protobuf message may have",
        code="GL005",
        hint="save it with external data: onnx.save(model, path, save_as_external_data=True)",
    )


def too_large_to_write(why: str) -> Unsupported:
    """Return the error for a model that would be larger than a protobuf message may be."""
    return Unsupported(
        f"the model is too large to be written as one file ({why})",
        code="GL005",
        hint="save it with external data first: onnx.save(model, path, save_as_external_data=True)",
    )
