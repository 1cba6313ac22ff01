"""Reading of npz files that anybody may have made: what one would take is known before it is unpacked."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from gru_lower.errors import FOREIGN_FAILURES

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array

ROOM = 1 << 29
"""How many bytes an archive may unpack to, whatever its own size; a larger one to :data:`RATIO` times its size more."""
RATIO = 8


class DamagedArchiveError(Exception):
    """The archive is damaged, encrypted, holds something else than arrays, or would unpack to too much."""


class NoArrayError(DamagedArchiveError):
    """An entry of the archive is some other file."""


def read_npz(stream: BinaryIO) -> dict[str, Array]:
    """Read the arrays of an npz file, by name.

    Args:
        stream: The file, which can be sought in.

    Raises:
        DamagedArchiveError: With what is wrong, in one line.

    """
    try:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            _refuse_bomb(size, unpacked)
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (*FOREIGN_FAILURES, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedArchiveError(" ".join(str(error).split()) or type(error).__name__) from error


def _refuse_bomb(size: int, unpacked: int) -> None:
    if unpacked > ROOM + RATIO * size:
        raise DamagedArchiveError(f"its {size} bytes would unpack to {unpacked}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with cast("io.BufferedIOBase", archive.open(member)) as handle:
        raw = bytearray(member.file_size)  # an array of it may be changed
        del raw[handle.readinto(raw) :]
    name, stream = member.filename.removesuffix(".npy"), io.BytesIO(raw)
    if not raw.startswith(npy.MAGIC_PREFIX):
        raise NoArrayError(f"its entry {name!r} is no array")
    version = npy.read_magic(stream)  # type: ignore[no-untyped-call, unused-ignore]
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, in_columns, kind = header(stream)
    if kind.hasobject:
        raise DamagedArchiveError("Object arrays cannot be loaded")
    wanted = math.prod(shape) * kind.itemsize
    if wanted != len(raw) - stream.tell() or any(length < 0 for length in shape):
        raise DamagedArchiveError(f"its entry {name!r} is of shape {shape}, and has {len(raw) - stream.tell()} bytes")
    flat = np.frombuffer(raw, kind, offset=stream.tell())
    return flat.reshape(shape, order="F" if in_columns else "C")
