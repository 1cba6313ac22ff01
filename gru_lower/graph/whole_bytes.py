"""The bytes of a model whose large constants were left in its file, with these inside again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto

from gru_lower.graph.bounded_read import LIMIT, too_large_to_write
from gru_lower.graph.copy_plan import Part, blocks
from gru_lower.graph.external_data import dims_before, open_file, views_before
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.set_aside import GIVEN, LISTED, LISTS, RAW_DATA
from gru_lower.graph.tensor_size import itemsize
from gru_lower.graph.wire_format import TENSOR, delimited, fields, message_of
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.set_aside import Aside


@dataclass(frozen=True)
class WholeBytes:
    """A serialised model, in pieces.

    Attributes:
        pieces: Bytes as they are, and what is copied from the file.
        size: How many bytes they are in all.
        aside: The file.

    """

    pieces: list[bytes | Part]
    size: int
    aside: Aside

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes, block by block; a block stays as it is until the next but one.

        Raises:
            InvalidModel: The file cannot be read any more, or has changed.

        """
        with open_file(self.aside.path) as reader:
            self.aside.refuse_changed()
            for piece in self.pieces:
                if isinstance(piece, bytes):
                    yield piece
                else:
                    yield from blocks(piece, reader)
            self.aside.refuse_changed()


def whole_bytes(raw: bytes, aside: Aside) -> WholeBytes:
    """Return a model's bytes with all that was set aside inside.

    Args:
        raw: The bytes of the model that refers to it.
        aside: Where its large constants are.

    Raises:
        Unsupported: It is larger than a protobuf message may be (2 GiB).

    """
    pieces, size = _whole(raw, onnx.ModelProto.DESCRIPTOR, aside)
    if size > LIMIT:
        raise too_large_to_write(f"{size} bytes")
    return WholeBytes(pieces, size, aside)


def bring_back(proto: onnx.ModelProto, aside: Aside) -> None:
    """Read all that was set aside into a model.

    Raises:
        InvalidModel: The file cannot be read any more, or has changed.

    """
    with open_file(aside.path) as reader:
        aside.refuse_changed()
        for tensor in tensors(proto):
            if aside.holds(tensor):
                parts = _parts(tensor, aside)
                rest = _rest(tensor)
                data = b"".join(bytes(block) for part in parts for block in blocks(part, reader))
                rest.MergeFromString(delimited(_field_of(tensor), len(data)) + data)
                tensor.CopyFrom(rest)
        aside.refuse_changed()


def _whole(raw: bytes, descriptor: Any, aside: Aside) -> tuple[list[bytes | Part], int]:  # noqa: ANN401 - protobuf's
    """Return the pieces of a message, and how many bytes they are."""
    mark = aside.location.encode()
    pieces: list[bytes | Part] = []
    kept = size = 0
    for field in fields(raw, 0, len(raw)):
        message = message_of(descriptor, field)
        if message is None or raw.find(mark, field.start, field.end) < 0:
            continue
        inner = raw[field.start : field.end]
        found = _whole_tensor(inner, aside) if message.full_name == TENSOR else _whole(inner, message, aside)
        front = [raw[kept : field.tag], delimited(field.number, found[1])]
        pieces += [*front, *found[0]]
        size += sum(map(len, front)) + found[1]
        kept = field.end
    pieces.append(raw[kept:])
    return pieces, size + len(raw) - kept


def _whole_tensor(raw: bytes, aside: Aside) -> tuple[list[bytes | Part], int]:
    tensor = TensorProto.FromString(raw)
    if not aside.holds(tensor):
        return [raw], len(raw)
    parts, rest, number = _parts(tensor, aside), _rest(tensor), _field_of(tensor)
    one = itemsize(tensor.data_type)
    rest.MergeFromString(delimited(number, one) + bytes(one))
    raw = rest.SerializeToString()
    place = next(field for field in fields(raw, 0, len(raw)) if field.number == number)
    length = sum(part.end - part.start for part in parts)
    front, behind = raw[: place.tag] + delimited(number, length), raw[place.end :]
    return [front, *parts, behind], len(front) + length + len(behind)


def _parts(tensor: TensorProto, aside: Aside) -> list[Part]:
    shape, size = dims_before(tensor), itemsize(tensor.data_type)
    places = ((where.offset, where.offset + where.length) for where in views_before(tensor))
    return [Part(aside.path, start, end, 0, shape, size) for start, end in places]


def _field_of(tensor: TensorProto) -> int:
    """Return the number of the field that a tensor's data is in."""
    listed = any((entry.key, entry.value) == LISTED for entry in tensor.external_data)
    return LISTS[tensor.data_type] if listed else RAW_DATA


def _rest(tensor: TensorProto) -> TensorProto:
    """Return a tensor without where its data is."""
    rest = TensorProto()
    rest.CopyFrom(tensor)
    given = any((entry.key, entry.value) == GIVEN for entry in rest.external_data)
    del rest.external_data[:]
    rest.ClearField("data_location")
    if given:
        rest.data_location = TensorProto.DEFAULT
    return rest
