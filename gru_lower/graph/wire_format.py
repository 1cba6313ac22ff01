"""Protobuf's wire format, as far as it takes to walk through a model without reading what is large in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import onnx

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from typing import Any

    Buffer = bytes | mmap.mmap

LENGTH_DELIMITED = 2
WIDTHS = {1: 8, 5: 4}
"""Bytes of the values that have a fixed width, by their wire type."""
LONGEST_VARINT = 10
FIRST_KEY = 1 << 3
"""There is no field of the number 0: a file of zeros is none of millions of fields."""
AROUND_TENSORS = {
    kind.DESCRIPTOR.full_name
    for kind in (
        onnx.ModelProto,
        onnx.GraphProto,
        onnx.NodeProto,
        onnx.AttributeProto,
        onnx.FunctionProto,
        onnx.TrainingInfoProto,
    )
}
"""The messages that hold tensors, or messages that do."""
TENSOR = onnx.TensorProto.DESCRIPTOR.full_name


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: Its number.
        kind: Its wire type.
        tag: Where it begins.
        start: Where its value begins; of one that has its length in front, behind that.
        end: The byte behind it.

    """

    number: int
    kind: int
    tag: int
    start: int
    end: int


def fields(buffer: Buffer, start: int, end: int, budget: Iterator[object] | None = None) -> Iterator[Field]:
    """Yield the fields of a message, in order.

    Args:
        buffer: What holds it.
        start: Where it begins.
        end: The byte behind it.
        budget: Of which one is taken for each field.

    Raises:
        ValueError: It is damaged, or holds what models do not, or more than the budget.

    """
    while start < end:
        tag = start
        key, start = _varint(buffer, start)
        kind = key & 7
        if key < FIRST_KEY or (budget is not None and next(budget, None) is None):
            raise ValueError("no field, or too many")
        if kind == 0:
            _, behind = _varint(buffer, start)
        elif kind == LENGTH_DELIMITED:
            length, start = _varint(buffer, start)
            behind = start + length
        elif kind in WIDTHS:
            behind = start + WIDTHS[kind]
        else:
            raise ValueError("a group")
        if behind > end:
            raise ValueError("cut short")
        yield Field(key >> 3, kind, tag, start, behind)
        start = behind


def message_of(descriptor: Any, field: Field) -> Any:  # noqa: ANN401 - protobuf's descriptors have no public type
    """Return the descriptor of the message that a field holds, ``None`` where it is no tensor and holds none."""
    known = descriptor.fields_by_number.get(field.number) if field.kind == LENGTH_DELIMITED else None
    message = None if known is None else known.message_type
    return message if message is not None and message.full_name in (TENSOR, *AROUND_TENSORS) else None


def delimited(number: int, length: int) -> bytes:
    """Return what stands in front of a value that has its length in front."""
    return _encoded(number << 3 | LENGTH_DELIMITED) + _encoded(length)


def _varint(buffer: Buffer, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        try:
            byte = buffer[at + place]
        except IndexError:
            break
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("no number")


def _encoded(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)
