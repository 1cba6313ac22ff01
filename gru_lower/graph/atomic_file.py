"""Atomic writing: a file is written completely, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

COPY_BLOCK = 1 << 22
PREFIX_LENGTH = 32
"""How much of its target's name a temporary file's name has: that name may already be as long as it can be."""


class AtomicFile:
    """A binary file that gets its name when the ``with`` block ends without an error, and is removed otherwise.

    Attributes:
        handle: What to write to, within the block.

    """

    handle: BinaryIO

    def __init__(self, target: Path) -> None:
        """Remember the target; nothing is created before the block is entered."""
        self.target = target

    def __enter__(self) -> Self:
        """Open a temporary file beside the target."""
        prefix = f".{self.target.name[:PREFIX_LENGTH]}."
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=self.target.parent)
        self._temporary = Path(name)
        self.handle = os.fdopen(descriptor, "wb")
        return self

    def seal(self) -> None:
        """Bring what was written to the disk: all that may fail for want of space fails here.

        Raises:
            OSError: The disk is full or broken.

        """
        if not self.handle.closed:
            self.handle.flush()
            os.fsync(self.handle.fileno())
            self.handle.close()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Rename the file to its target, or remove it."""
        try:
            if kind is None:
                self.seal()
                self._temporary.chmod(_mode(self.target))
                self._temporary.replace(self.target)
        finally:
            with suppress(OSError):  # of a file that goes anyway
                self.handle.close()
            self._temporary.unlink(missing_ok=True)


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """Make a folder, with those around it; remove what was made if the ``with`` block raises."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for each in missing:
            with suppress(OSError):  # somebody else put a file there in the meantime
                each.rmdir()
        raise


def _mode(target: Path) -> int:
    """Return the permissions a plain ``open(target, "wb")`` would have left."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
