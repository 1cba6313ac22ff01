"""Large constants of a model file, left in the file: the model refers to their bytes as to external data.

So a model of gigabytes is worked on as one whose weights lie beside it, and nothing of it is in memory twice. What is
written has them inside again, byte for byte as if they had been read (:mod:`gru_lower.graph.whole_bytes`).
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto

from gru_lower.errors import InvalidModel
from gru_lower.graph.bounded_read import LIMIT
from gru_lower.graph.external_data import View, is_external, open_file, set_view, view
from gru_lower.graph.wire_format import LENGTH_DELIMITED, TENSOR, delimited, fields, message_of
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gru_lower.graph.wire_format import Buffer

LARGE_FILE = 1 << 26
"""Bytes of a model from which on its large constants are set aside."""
MOST_FIELDS = 1_000_000
"""Of a file with more fields around its large constants nothing is set aside: walking them takes a second."""
LARGE = 1 << 18
"""Bytes of a constant that is large."""
BLOCK = 1 << 22
GIVEN = "checksum", "0"
"""A mark on a tensor that says in so many words that its data is inside; runtimes know the key, and pass it over."""
LISTED = "checksum", "1"
"""A mark on a tensor that says that its data is listed in the field of its type, number by number as in raw data."""
RAW_DATA = TensorProto.DESCRIPTOR.fields_by_name["raw_data"].number
OTHER_DATA = {
    field.number for field in TensorProto.DESCRIPTOR.fields if field.name.endswith("_data") and field.number != RAW_DATA
}
"""Fields for values by their type, and for where they are."""
LISTS: dict[int, int] = {
    getattr(TensorProto, kind): TensorProto.DESCRIPTOR.fields_by_name[name].number
    for kind, name in (("FLOAT", "float_data"), ("DOUBLE", "double_data"))
    if sys.byteorder == "little"
}
"""By element type, the field that lists values as they lie in raw data."""


@dataclass(frozen=True)
class Aside:
    """The file that constants were left in.

    Attributes:
        path: The file.
        location: What the model calls it.
        state: What it was like when the model was read.

    """

    path: Path
    location: str
    state: tuple[int, int, int]

    def holds(self, tensor: TensorProto) -> bool:
        """Whether a tensor's bytes are in the file."""
        return is_external(tensor) and view(tensor).location == self.location

    def refuse_changed(self) -> None:
        """Refuse to read on in a file that is another one by now.

        Raises:
            InvalidModel: So it is.

        """
        try:
            same = _state(self.path.stat()) == self.state
        except OSError:
            same = False
        if not same:
            raise InvalidModel(
                f"{self.path}: has changed while it was worked on", code="GL001", hint="run the command again"
            )

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes of the file, block by block.

        Raises:
            InvalidModel: It cannot be read any more, or has changed.

        """
        with open_file(self.path) as reader:
            self.refuse_changed()
            while block := reader.read(BLOCK):
                yield block
            self.refuse_changed()


def set_aside(path: Path) -> tuple[bytes, Aside] | None:
    """Read a model file without its large constants.

    Args:
        path: The file.

    Returns:
        The message with references in the place of their bytes, and where these are; ``None`` where the file is
        small or no regular one, has none, or is damaged.

    Raises:
        OSError: It cannot be read.

    """
    location = path.name
    if not path.is_file() or not max(LARGE_FILE, 1) <= path.stat().st_size <= LIMIT or not _is_text(location):
        return None
    with path.open("rb") as file:
        found = Aside(path, location, _state(os.fstat(file.fileno())))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            try:
                raw = _without(
                    buffer, 0, len(buffer), onnx.ModelProto.DESCRIPTOR, location, iter(range(1, MOST_FIELDS))
                )
            except (ValueError, RecursionError):  # whoever parses it says what is wrong
                return None
            return None if raw is None else (raw, found)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _without(
    buffer: Buffer,
    start: int,
    end: int,
    descriptor: Any,  # noqa: ANN401 - protobuf's
    location: str,
    budget: Iterator[int],
) -> bytes | None:
    """Return a message without its large constants, ``None`` where it has none."""
    parts: list[bytes] = []
    kept = start
    for field in fields(buffer, start, end, budget):
        if field.end - field.start < LARGE or (message := message_of(descriptor, field)) is None:
            continue
        if message.full_name == TENSOR:
            inner = _tensor_without(buffer, field.start, field.end, location, budget)
        else:
            inner = _without(buffer, field.start, field.end, message, location, budget)
        if inner is not None:
            parts += [buffer[kept : field.tag], delimited(field.number, len(inner)), inner]
            kept = field.end
    if not parts:
        return None
    return b"".join([*parts, buffer[kept:end]])


def _tensor_without(buffer: Buffer, start: int, end: int, location: str, budget: Iterator[int]) -> bytes | None:
    """Return a tensor as a view of the file; ``None`` for one whose data does not lie in one place as raw data does."""
    data, rest = [], []
    for field in fields(buffer, start, end, budget):
        if field.number == RAW_DATA or (field.number in LISTS.values() and field.kind == LENGTH_DELIMITED):
            data.append(field)
        elif field.number in OTHER_DATA:
            return None
        else:
            rest.append(buffer[field.tag : field.end])
    if len(data) != 1 or data[0].end - data[0].start < LARGE:
        return None
    tensor = TensorProto.FromString(b"".join(rest))
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data or tensor.data_type == TensorProto.STRING:
        return None
    is_listed = data[0].number != RAW_DATA
    if is_listed and LISTS.get(tensor.data_type) != data[0].number:
        return None
    given = tensor.HasField("data_location")
    set_view(tensor, View(location, data[0].start, data[0].end - data[0].start))
    if given:
        tensor.external_data.add(key=GIVEN[0], value=GIVEN[1])
    if is_listed:
        tensor.external_data.add(key=LISTED[0], value=LISTED[1])
    return bytes(tensor.SerializeToString())
