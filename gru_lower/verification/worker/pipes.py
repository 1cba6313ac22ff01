"""The two pipes between a command and a process that runs models, each of which is waited for only so long."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO

CAN_WAIT = hasattr(select, "poll")
"""Whether pipes can be waited for: not on Windows, where `wait` is of no use and somebody else ends what hangs."""
LONGEST = 1e6
"""Seconds that a pipe can be waited for."""
PIECE = 1 << 16
"""Bytes that are read, or written, at once."""


class _Pipe:
    """One end of a pipe.

    Args:
        stream: The end, without a buffer.
        event: What it is waited for.

    """

    def __init__(self, stream: FileIO, event: str) -> None:
        """Wait for ever."""
        self._stream = stream
        self._until: float | None = None
        if CAN_WAIT:
            self._poll = select.poll()
            self._poll.register(stream, getattr(select, event))

    def wait(self, seconds: float) -> None:
        """Wait so long at most from now on, where that can be."""
        self._until = time.monotonic() + seconds if CAN_WAIT else None

    def _ready(self) -> None:
        """Wait until something can be read, or written.

        Raises:
            TimeoutError: The time is over.

        """
        if self._until is not None:
            left = min(self._until - time.monotonic(), LONGEST)
            if not self._poll.poll(max(0.0, left) * 1000):
                raise TimeoutError


class Requests(_Pipe):
    """What is written to a process."""

    def __init__(self, stream: FileIO) -> None:
        """Write nothing yet."""
        super().__init__(stream, "POLLOUT")
        if CAN_WAIT:
            os.set_blocking(stream.fileno(), False)
        self._pending = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        """Write bytes, or keep them until there are more.

        Raises:
            TimeoutError: The process does not read them in time.
            OSError: It is gone.

        """
        if len(data) < PIECE:
            self._pending += data
        if len(self._pending) >= PIECE or len(data) >= PIECE:
            self.flush()
        if len(data) >= PIECE:
            self._write(memoryview(data))

    def flush(self) -> None:
        """Write what was kept.

        Raises:
            TimeoutError: The process does not read it in time.
            OSError: It is gone.

        """
        pending, self._pending = self._pending, bytearray()
        self._write(memoryview(pending))

    def _write(self, data: memoryview) -> None:
        while data:
            self._ready()
            data = data[self._stream.write(data) or 0 :]


class Answers(_Pipe):
    """What is read from a process, several answers at once."""

    def __init__(self, stream: FileIO) -> None:
        """Read nothing yet."""
        super().__init__(stream, "POLLIN")
        self._read = memoryview(b"")

    def has_more(self) -> bool:
        """Whether there is something to read already, as far as that can be told without waiting."""
        return bool(self._read) or (CAN_WAIT and bool(self._poll.poll(0)))

    def readinto(self, view: memoryview) -> int | None:
        """Read as :class:`io.RawIOBase` does.

        Raises:
            TimeoutError: The time is over.

        """
        if not self._read:
            self._ready()
            if len(view) >= PIECE:
                return self._stream.readinto(view)
            self._read = memoryview(self._stream.read(PIECE) or b"")
        count = min(len(view), len(self._read))
        view[:count] = self._read[:count]
        self._read = self._read[count:]
        return count
