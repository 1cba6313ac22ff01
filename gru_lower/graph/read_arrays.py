"""Arrays of numbers that were read from a file of external data, and where in it what is cut out of them lies.

Large ones are mapped into memory, which holds what is looked at, and no more where that is let go again.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakValueDictionary

import numpy as np

from gru_lower.graph.external_data import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE = 1 << 20
"""Bytes from which on they are mapped."""
MOST_MAPPED = 64
"""How many files are mapped at once: each is an open file."""
ALIGNED = 16
"""What the place of numbers is a multiple of that need not be copied to be computed with."""


class ReadBytes(np.ndarray[Any, np.dtype[np.uint8]]):
    """Bytes of a file; arrays of numbers are views of them.

    Attributes:
        where: Where they lie.
        mapped: The file in memory, ``None`` where they were read.

    """

    where: View
    mapped: mmap.mmap | None


_mapped: WeakValueDictionary[tuple[int, ...], mmap.mmap] = WeakValueDictionary()


def read_bytes(handle: BinaryIO, where: View, *, may_map: bool = False) -> ReadBytes:
    """Return bytes of a file, fewer where it ends before; they cannot be changed.

    Args:
        handle: The file, opened.
        where: Which bytes.
        may_map: Whether the file stays as it is as long as they are looked at.

    Raises:
        OSError: They cannot be read.

    """
    mapped = _map(handle, where) if may_map and where.length >= LARGE and not where.offset % ALIGNED else None
    if mapped is None:
        handle.seek(where.offset)
        raw = handle.read(where.length)
        found = ReadBytes((len(raw),), np.uint8, raw)  # whose base is no array: numpy leaves out arrays behind arrays
    else:
        found = ReadBytes((where.length,), np.uint8, mapped, where.offset)
    found.where, found.mapped = where, mapped
    return found


def _map(handle: BinaryIO, where: View) -> mmap.mmap | None:
    """Return a file in memory, ``None`` where that cannot be, or it is too short."""
    state = os.fstat(handle.fileno())
    key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    found = _mapped.get(key)
    if where.offset + where.length > state.st_size or (found is None and len(_mapped) >= MOST_MAPPED):
        return None
    if found is None:
        try:
            found = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        _mapped[key] = found
    return found


def place_of(array: NDArray[Any]) -> View | None:
    """Return where the numbers of an array lie one after the other in the file that they were read from.

    Args:
        array: Any array.

    Returns:
        It, ``None`` for an array that was computed, has no entries, or whose entries lie in another order there.

    """
    owner = _owner(array)
    if owner is None or not array.nbytes or not array.flags.c_contiguous:
        return None
    return View(owner.where.location, owner.where.offset + _address(array) - _address(owner), array.nbytes)


def let_go(array: NDArray[Any]) -> None:
    """Let the memory go that an array of a mapped file takes, until it is looked at again."""
    owner, place = _owner(array), place_of(array) or place_of(array.T)
    if owner is None or place is None or owner.mapped is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    start = place.offset - place.offset % mmap.PAGESIZE
    owner.mapped.madvise(mmap.MADV_DONTNEED, start, place.offset + place.length - start)


def _owner(array: NDArray[Any]) -> ReadBytes | None:
    owner: object = array
    while isinstance(owner, np.ndarray) and not isinstance(owner, ReadBytes):
        owner = owner.base
    return owner if isinstance(owner, ReadBytes) else None


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
