"""stdin, stdout and stderr as a program may find them: closed, full, or with a reader that has gone."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import click

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD = (0, 1, 2)


def open_closed_streams() -> None:
    """Give a process that was started with closed streams some that say so when they are used.

    Their numbers are taken first, or the next file that is opened would be written to as stdout.
    """
    for descriptor in STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the smallest number that is free
    closed = io.BufferedReader(_Closed()), io.BufferedWriter(_Closed())
    sys.stdin = sys.stdin or io.TextIOWrapper(closed[0], encoding="utf-8")
    sys.stdout = sys.stdout or io.TextIOWrapper(closed[1], encoding="utf-8", write_through=True)
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


class _Closed(io.RawIOBase):
    """A stream that was closed before the process began; it says so once."""

    _said = False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def write(self, data: Any) -> int:  # noqa: ANN401 - bytes or the like
        if self._said:
            return len(data)
        self._said = True
        raise OSError(errno.EBADF, "it is closed")


class Forgiving:
    """A text stream whose errors do not matter: what cannot be written is lost, and the exit code says what was found.

    Args:
        stream: The stream; what else is asked of it is asked of this one.

    """

    def __init__(self, stream: IO[str]) -> None:
        """Keep the stream."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        """Return what the stream has by a name."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text as far as possible."""
        try:
            return self._stream.write(text)
        except OSError:
            give_up(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush as far as possible."""
        try:
            self._stream.flush()
        except OSError:
            give_up(self._stream)


def say_aside(line: str, *, err: bool = False, color: bool | None = None) -> None:
    """Print a line beside the result; where it cannot be printed, that is no error."""
    stream = sys.stderr if err else sys.stdout
    try:
        click.echo(line, file=stream, color=color)
    except OSError:
        give_up(stream)


def write_aside(text: str) -> None:
    """Write to stderr what a program reads, where stdout takes something else."""
    stream = Forgiving(sys.stderr)
    stream.write(text)
    stream.flush()


def write_document(text: str) -> None:
    """Write to stdout what a program reads.

    Raises:
        Unsupported: stdout does not take all of it.

    """
    with _WholeResult():
        sys.stdout.write(text)
        sys.stdout.flush()


def write_bytes(blocks: Iterable[bytes | memoryview]) -> None:
    """Write a file's bytes to stdout, block by block.

    Raises:
        Unsupported: stdout does not take all of them.

    """
    with _WholeResult():
        for block in blocks:
            left = memoryview(block)
            while left:  # an unbuffered stdout may take less than it is given
                count = sys.stdout.buffer.write(left)
                if not count:
                    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                left = left[count:]
        sys.stdout.buffer.flush()


class _WholeResult:
    """Makes a stdout that fails a refusal: what stands on it is of no use."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Refuse."""
        if isinstance(error, OSError):
            give_up(sys.stdout)
            raise Unsupported(
                f"stdout: does not take the result ({error.strerror or error})",
                code="GL004",
                hint="check what reads it, and the disk's space",
            ) from error


def give_up(stream: IO[str]) -> None:
    """Forget what a stream could not take: the interpreter would try again when it ends, and exit with 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):  # a stream of no file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
