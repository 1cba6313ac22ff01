"""Atomic writing: a file is written completely, or not at all."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from pathlib import Path

PREFIX_LENGTH = 32
"""How much of its target's name a temporary file's name has: that name may already be as long as it can be."""

_unfinished: set[Path] = set()


class AtomicFile:
    """A binary file that gets its name when the ``with`` block ends without an error, and is removed otherwise.

    Args:
        target: The name.
        overwrite: Whether a file that has the name by then is replaced.

    Attributes:
        handle: What to write to, within the block.
        temporary: The file, until it has its name.

    Raises:
        Unsupported: At the end of the block, a file has the name that had not when it was asked for.
        OSError: The file cannot be written.

    """

    handle: BinaryIO
    temporary: Path

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        """Remember the target; nothing is created before the block is entered."""
        self.target = target
        self._overwrite = overwrite
        self._placed = False

    def __enter__(self) -> Self:
        """Open a temporary file beside the target."""
        name = f".{self.target.name[:PREFIX_LENGTH]}.{os.urandom(4).hex()}.tmp"
        self.temporary = self.target.with_name(name)
        _unfinished.add(self.temporary)  # before it is there: a signal may come at any time
        self.handle = os.fdopen(os.open(self.temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
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

    def place(self, target: Path | None = None) -> None:
        """Give the file its name now, or another one than it was made for, in the same folder.

        Raises:
            Unsupported: Another file has the name, and must not be replaced.
            OSError: The disk is full or broken.

        """
        self.target = target or self.target
        self.seal()
        self.temporary.chmod(_mode(self.target))
        if self._overwrite:
            self.temporary.replace(self.target)
        else:
            try:
                _give_free_name(self.temporary, self.target)
            except FileExistsError as error:
                raise Unsupported(
                    f"{self.target}: has appeared in the meantime, and was left alone",
                    code="GL004",
                    hint="choose another -o, or allow it with --overwrite",
                ) from error
        self._placed = True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Give the file its name, or remove it."""
        try:
            if kind is None and not self._placed:
                self.place()
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what has got no name."""
        with suppress(OSError):  # of a file that goes anyway
            self.handle.close()
        self.temporary.unlink(missing_ok=True)
        _unfinished.discard(self.temporary)


def _give_free_name(temporary: Path, target: Path) -> None:
    """Give a file a name that no other has.

    Raises:
        FileExistsError: Another file has it.

    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(target, os.O_CREAT | os.O_EXCL))
        temporary.replace(target)


@atexit.register
def remove_unfinished() -> None:
    """Remove the temporary files of this process: a signal may have come where no ``with`` block could."""
    for path in [*_unfinished]:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        _unfinished.discard(path)


def _mode(target: Path) -> int:
    """Return the permissions a plain ``open(target, "wb")`` would have left."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
