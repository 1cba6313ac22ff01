"""Atomic writing: a file is either wholly there or not there at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

COPY_BLOCK = 1 << 22


def atomic_write(target: Path, content: BinaryIO) -> None:
    """Write a stream to ``target`` through a temporary file in the same folder: fsync, then rename.

    Raises:
        OSError: The folder cannot be written or is full; no temporary file is left.

    """
    with AtomicFile(target) as handle:
        shutil.copyfileobj(content, handle, COPY_BLOCK)


class AtomicFile:
    """A binary file that appears under its name when the ``with`` block ends well, and never otherwise."""

    def __init__(self, target: Path) -> None:
        """Remember the target; nothing is created before the block is entered."""
        self.target = target

    def __enter__(self) -> BinaryIO:
        """Open a temporary file beside the target."""
        descriptor, name = tempfile.mkstemp(prefix=f".{self.target.name}.", suffix=".tmp", dir=self.target.parent)
        self._temporary = Path(name)
        self._handle = os.fdopen(descriptor, "wb")
        return self._handle

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Put the file in place, or take it away."""
        try:
            if kind is None:
                self._handle.flush()
                os.fsync(self._handle.fileno())
                self._temporary.chmod(_mode(self.target))
            self._handle.close()
            if kind is None:
                self._temporary.replace(self.target)
        finally:
            self._temporary.unlink(missing_ok=True)


def _mode(target: Path) -> int:
    """Return the permissions a plain ``open(target, "wb")`` would have left."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
