"""What of external data is copied where in a new file: ranges of bytes as they are, and matrices transposed."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from gru_lower.errors import InvalidModel
from gru_lower.graph.external_data import dims_before, open_file, view, views_before
from gru_lower.graph.tensor_size import itemsize

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence
    from pathlib import Path

    from onnx import TensorProto

BLOCK = 1 << 22
TRANSPOSED_BLOCK = 12 << 20
"""Bytes of a matrix that are transposed at once."""
PAGE = 4096
"""A range lies as far behind a page's begin as it did: runtimes map what begins a page into memory."""


class Part(NamedTuple):
    """Bytes of a file that is read, and where they go.

    Attributes:
        source: The file.
        start: Their first byte there.
        end: The byte behind them.
        target: Where the first byte goes.
        shape: [rows, columns] of a matrix that is transposed on the way, ``None`` for bytes that are copied.
        itemsize: Bytes of one of its elements.

    """

    source: Path
    start: int
    end: int
    target: int
    shape: tuple[int, int] | None = None
    itemsize: int = 1


class CopyPlan:
    """Where the bytes of external tensors go in a new file; ranges that overlap or touch are copied once.

    Args:
        base_dir: The folder that locations are relative to.
        tensors: The tensors.

    """

    def __init__(self, base_dir: Path, tensors: Sequence[TensorProto]) -> None:
        """Lay the parts out, in the order in which their files and matrices first occur."""
        self._end = 0
        self._plain: dict[str, list[Part]] = {}
        self._transposed: dict[Hashable, list[Part]] = {}
        ranges: dict[str, list[tuple[int, int]]] = {}
        for tensor in tensors:
            if dims_before(tensor) is None:
                where = view(tensor)
                ranges.setdefault(where.location, []).append((where.offset, where.offset + where.length))
        for location, found in ranges.items():
            self._plain[location] = [self._part(base_dir / location, *each) for each in _merged(found)]
        for tensor in tensors:
            shape = dims_before(tensor)
            if shape is not None and _key(tensor) not in self._transposed:
                parts = self._transposed[_key(tensor)] = []
                for where in views_before(tensor):
                    start, end = where.offset, where.offset + where.length
                    size = itemsize(tensor.data_type)
                    parts.append(self._part(base_dir / where.location, start, end, shape, size, behind=bool(parts)))

    def place_of(self, tensor: TensorProto) -> int:
        """Return where a tensor's first byte goes."""
        where = view(tensor)
        if dims_before(tensor) is not None:
            return self._transposed[_key(tensor)][0].target
        parts = self._plain[where.location]
        part = parts[bisect_right(parts, where.offset, key=lambda each: each.start) - 1]
        return part.target + where.offset - part.start

    def copy_to(self, writer: BinaryIO) -> str:
        """Copy all of it; return the hexadecimal SHA-256 of what was written, gaps included.

        Raises:
            InvalidModel: A file cannot be read, or is too short.
            OSError: The new file cannot be written.

        """
        from concurrent.futures import ThreadPoolExecutor  # which takes long to load, where few models need it

        digest, position = hashlib.sha256(), 0
        parts = list(chain(chain.from_iterable(self._plain.values()), chain.from_iterable(self._transposed.values())))
        with ThreadPoolExecutor(1) as pool:  # hashing takes as long as copying
            for part in parts:
                gap = bytes(part.target - position)
                hashed = pool.submit(digest.update, gap)
                writer.write(gap)
                with open_file(part.source) as reader:
                    for block in blocks(part, reader):
                        hashed.result()
                        hashed = pool.submit(digest.update, block)
                        writer.write(block)
                hashed.result()
                position = part.target + part.end - part.start
        return digest.hexdigest()

    def _part(
        self,
        source: Path,
        start: int,
        end: int,
        shape: tuple[int, int] | None = None,
        size: int = 1,
        *,
        behind: bool = False,
    ) -> Part:
        target = self._end if behind else self._end + (start - self._end) % PAGE
        self._end = target + end - start
        return Part(source, start, end, target, shape, size)


def _key(tensor: TensorProto) -> Hashable:
    """Return what tells transposed matrices from others."""
    return dims_before(tensor), tuple((where.location, where.offset) for where in views_before(tensor))


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def blocks(part: Part, reader: BinaryIO) -> Iterator[memoryview]:
    """Yield the bytes of a part, block by block, as they go to the new file.

    Args:
        part: The part; a block of it stays as it is until the next but one.
        reader: Its file, opened.

    Raises:
        InvalidModel: The file is too short.

    """
    return _copied(part, reader) if part.shape is None else _transposed(part, reader)


def _copied(part: Part, reader: BinaryIO) -> Iterator[memoryview]:
    """Yield the bytes of a part, block by block; a block stays as it is until the next but one."""
    buffers = [bytearray(BLOCK), bytearray(BLOCK)]
    reader.seek(part.start)
    left = part.end - part.start
    while left:
        buffers.reverse()
        block = memoryview(buffers[0])[: min(left, BLOCK)]
        _fill(part, reader, block)
        yield block
        left -= len(block)


def _transposed(part: Part, reader: BinaryIO) -> Iterator[memoryview]:
    """Yield the bytes of a part's matrix transposed, some of its columns at a time."""
    rows, columns = part.shape or (0, 0)
    width = max(1, TRANSPOSED_BLOCK // (rows * part.itemsize)) if rows else columns
    for first in range(0, columns, width):
        count = min(width, columns - first)
        read = np.empty((rows, count, part.itemsize), np.uint8)
        for row in range(rows):
            reader.seek(part.start + (row * columns + first) * part.itemsize)
            _fill(part, reader, read[row].reshape(-1).data)
        turned = read.view(f"V{part.itemsize}").reshape(rows, count).T
        yield np.ascontiguousarray(turned).view(np.uint8).reshape(-1).data


def _fill(part: Part, reader: BinaryIO, block: memoryview) -> None:
    """Fill a block from a file.

    Raises:
        InvalidModel: The file ends before.

    """
    done = 0
    while done < len(block):
        count = reader.readinto(block[done:])  # type: ignore[attr-defined]
        if not count:
            raise InvalidModel(
                f"{part.source}: too short: the model refers to bytes up to {part.end}",
                code="GL006",
                hint="copy the data file again",
            )
        done += count
