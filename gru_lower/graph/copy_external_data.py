"""Copying the external data of a model into another folder, when the model is written there."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph.atomic_file import COPY_BLOCK, AtomicFile, folder
from gru_lower.graph.external_data import View, is_external, open_file, resolve, view
from gru_lower.graph.model_tensors import tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx


@contextmanager
def copied_external_data(proto: onnx.ModelProto, source: Path, target: Path, *, overwrite: bool) -> Iterator[None]:
    """Copy the external bytes a model still refers to into another folder, under the same names and offsets.

    Ranges nobody refers to become holes in the copy, so tensors need no edit and no byte too many is read.
    The copies are whole when the ``with`` block begins, and get their names when it ends well.

    Args:
        proto: The model about to be written to ``target``.
        source: The folder its locations are relative to now.
        target: The folder they will be relative to.
        overwrite: Whether existing files may be replaced.

    Raises:
        InvalidModel: A data file is missing, too short or outside the folder.
        Unsupported: A file is in the way and ``overwrite`` is false.
        OSError: The folder cannot be written or is full.

    """
    ranges: dict[PurePosixPath, list[View]] = {}
    for tensor in tensors(proto):
        if is_external(tensor):
            where = view(tensor)
            resolve(where.location, source, tensor.name)
            ranges.setdefault(PurePosixPath(where.location), []).append(where)
    for location in ranges:
        if (target / location).exists() and not overwrite:
            raise Unsupported(
                f"{target / location}: already exists, and the model's external data would go there",
                code="GL004",
                hint="choose another folder with -o, or allow it with --overwrite",
            )
    with ExitStack() as stack:
        for location, views in ranges.items():
            stack.enter_context(folder((target / location).parent))
            copy = stack.enter_context(AtomicFile(target / location))
            _copy_ranges(source / location, copy.handle, views)
            copy.seal()
        yield


def _copy_ranges(source: Path, writer: BinaryIO, views: list[View]) -> None:
    with open_file(source) as reader:
        done = 0
        for where in sorted(views, key=lambda v: v.offset):
            start, end = max(where.offset, done), where.offset + where.length
            if start >= end:
                continue
            reader.seek(start)
            writer.seek(start)
            left = end - start
            while left:
                block = reader.read(min(left, COPY_BLOCK))
                if not block:
                    raise InvalidModel(
                        f"{source}: too short: the model refers to bytes up to {end}",
                        code="GL006",
                        hint="copy the data file again",
                    )
                writer.write(block)
                left -= len(block)
            done = end
