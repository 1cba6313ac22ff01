"""Starting the process that runs models as a copy of this one, which has loaded numpy: most of what it has to load.

For a process that does a single thing, on Linux, where numpy is made for it: before onnx, or anything else that may
have threads, is loaded, a fork is safe. What runs in the copy is a process of its own as ever: it may crash, hang and
be limited.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NoReturn

from gru_lower.isolation.ends_soon import ends_soon
from gru_lower.isolation.environment import environment
from gru_lower.isolation.memory_limit import held_data

if TYPE_CHECKING:
    from gru_lower.verification.worker.asked_ahead import FileAhead

MOST_HELD = 256 << 20
"""Bytes of data that this process holds, from which on a copy, whose limit they count for, is no good start."""
MOST_FILES = 1 << 16
LARGE_PIPE = 1 << 20
"""Bytes of a pipe, so that what is written need not be waited for while all cores compute."""
PAUSE = 0.002
"""Seconds between two looks at a process that is to end."""


def can_fork() -> bool:
    """Whether a copy of this process is a good start: it does a single thing, and has just begun."""
    fresh = ends_soon() and sys.platform == "linux" and "numpy" in sys.modules and "onnx" not in sys.modules
    return fresh and threading.active_count() == 1 and 0 < held_data() < MOST_HELD


class Forked:
    """A copy of this process that runs models; what is asked of it is what :class:`subprocess.Popen` is asked.

    Args:
        memory: Bytes of data it may hold.
        errors: What it prints.
        file: A model that it loads at once.

    Raises:
        OSError: It cannot be started.

    """

    def __init__(self, memory: int, errors: IO[bytes], file: FileAhead | None = None) -> None:
        """Start it."""
        requests, self.stdin = _pipe()
        self.stdout, replies = _pipe()
        _widen(self.stdin)
        _widen(self.stdout)
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():  # numpy's threads are at rest, and shut down by its own handler of forks
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _serve(memory, requests.fileno(), replies.fileno(), errors.fileno(), file)
        requests.close()
        replies.close()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, ``None`` while it lives."""
        return self._waited(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It lives on.

        """
        if timeout is None:
            status = self._waited(0)
            return -1 if status is None else status
        until = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("the process that runs models", timeout)
            time.sleep(PAUSE)
        return status

    def kill(self) -> None:
        """Kill it."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _waited(self, how: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, how)
            except ChildProcessError:  # somebody else waited for it
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _widen(stream: IO[bytes]) -> None:
    """Let a pipe take more."""
    import fcntl

    with suppress(OSError, AttributeError):  # the user has too many of them, or Python is too old
        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, LARGE_PIPE)


def _serve(memory: int, requests: int, replies: int, errors: int, file: FileAhead | None) -> NoReturn:
    """Be the process that runs models, in the copy: nothing of what the caller was about to do is done."""
    try:
        for asked in (signal.SIGTERM, signal.SIGHUP):
            if callable(signal.getsignal(asked)):  # what is ignored stays so, as in a process that is started anew
                signal.signal(asked, signal.SIG_DFL)
        for stream, number in ((requests, 0), (replies, 1), (errors, 2)):
            os.dup2(stream, number)
        os.closerange(3, MOST_FILES)
        os.environ.update(environment())
        from gru_lower.verification.worker.server import Models
        from gru_lower.verification.worker.serving import serve

        serve(Models(file), memory, ahead=True)
    finally:
        os._exit(1)
