"""Write and read the frames between the parent and its worker: a JSON header, then the raw bytes of arrays.

A frame is the header's length (4 bytes, little-endian), the header as JSON, a blob and the arrays' buffers, in the
order and of the sizes the header gives. Numpy's own formats are not used: they cannot hold bfloat16, and pickle
would let a model's output run code.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import dtype_of, is_text, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Array, Feeds

_LENGTH = struct.Struct("<I")


class Sink(Protocol):
    """What frames are written to."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write it all, or keep it until more is written."""
        ...

    def flush(self) -> None:
        """Write what was kept."""
        ...


class Stream(Protocol):
    """What frames are read from."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Read what there is, up to the view's size; nothing at the end."""
        ...


@dataclass(frozen=True)
class Frame:
    """One message: what it says, a blob (a serialised model) and named arrays."""

    header: dict[str, Any]
    arrays: Feeds
    blob: bytes = b""


def write_frame(
    stream: Sink,
    header: Mapping[str, Any],
    arrays: Mapping[str, Array] | None = None,
    blob: bytes = b"",
    *,
    at_once: bool = True,
) -> None:
    """Write one frame, and flush unless that need not be `at_once`.

    Raises:
        TypeError: A value is no tensor, but a sequence, a map or an absent optional.

    """
    packed = [_pack(name, value) for name, value in (arrays or {}).items()]
    head = json.dumps({"header": header, "blob": len(blob), "arrays": [about for about, _ in packed]}).encode()
    stream.write(_LENGTH.pack(len(head)))
    stream.write(head)
    stream.write(blob)
    for _, buffer in packed:
        stream.write(buffer)
    if at_once:
        stream.flush()


def read_frame(stream: Stream) -> Frame:
    """Read one frame.

    Raises:
        EOFError: The other side is gone.

    """
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    head = json.loads(_read(stream, length))
    blob = bytes(_read(stream, head["blob"]))
    arrays = {about["name"]: _unpack(about, _read(stream, about["bytes"])) for about in head["arrays"]}
    return Frame(head["header"], arrays, blob)


def _pack(name: str, value: object) -> tuple[dict[str, Any], memoryview]:
    if not isinstance(value, (np.ndarray, np.generic)):
        kind = {list: "a sequence", dict: "a map", type(None): "an absent optional"}.get(type(value), str(type(value)))
        msg = f"{name!r} is {kind}, not a tensor"
        raise TypeError(msg)
    array = np.asarray(value)
    about: dict[str, Any] = {"name": name, "shape": array.shape}
    if is_text(array.dtype):
        dtype, data = "string", json.dumps([_text(item) for item in array.ravel().tolist()]).encode()
        buffer = memoryview(data)
    else:
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        dtype, buffer = name_of(native.dtype), np.ascontiguousarray(native).reshape(-1).view(np.uint8).data
    return about | {"dtype": dtype, "bytes": buffer.nbytes}, buffer


def _unpack(about: Mapping[str, Any], data: bytearray) -> Array:
    shape = tuple(about["shape"])
    if about["dtype"] == "string":
        texts = np.empty(shape, dtype=object)
        texts.ravel()[:] = json.loads(data)
        return texts
    return np.frombuffer(data, dtype=dtype_of(about["dtype"])).reshape(shape)


def _text(item: object) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)


def _read(stream: Stream, count: int) -> bytearray:
    """Read exactly `count` bytes, into memory that arrays may go on using and change."""
    data = bytearray(count)
    view, have = memoryview(data), 0
    while have < count:
        got = stream.readinto(view[have:])
        if not got:
            raise EOFError
        have += got
    return data
