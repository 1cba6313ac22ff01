"""Start one worker process, ask it, and end it whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from gru_lower.isolation.environment import environment
from gru_lower.verification.worker.asked_ahead import AskedAhead
from gru_lower.verification.worker.forked import Forked, can_fork
from gru_lower.verification.worker.pipes import CAN_WAIT, LONGEST, Answers, Requests
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader, BufferedWriter, FileIO

    from gru_lower.verification.arrays import Array
    from gru_lower.verification.worker.asked_ahead import FileAhead
    from gru_lower.verification.worker.frames import Frame

MODELS = "gru_lower.verification.worker.server"
"""The module whose process runs models."""
AHEAD = "ahead"
"""A word for a process that nobody waits for yet: it loads meanwhile what it will need."""

_living: weakref.WeakSet[Process] = weakref.WeakSet()


class Process:
    """A running worker.

    Args:
        memory: Bytes of data it may hold; 0 for no limit.
        timeout: Seconds it has to start.
        module: What runs in it: a module that serves (:mod:`gru_lower.verification.worker.serving`).
        wait: Whether to wait until it is ready, else it makes ready what it will need while it waits to be asked.
        file: A model that it loads before it is asked to, where it is a copy of this process.

    Attributes:
        ahead: What it was asked ahead; ``None`` where it does one thing after the other.
        started_as: The module, the interpreter and the environment with which it started.
        data: Bytes of data that it holds, as it last said.
        is_rested: Whether it has forgotten its last use.

    Raises:
        RunFailure: It cannot be started.

    """

    def __init__(
        self, memory: int, timeout: float, module: str = MODELS, *, wait: bool = True, file: FileAhead | None = None
    ) -> None:
        """Start it."""
        self.started_as = (module, sys.executable, environment())
        self.data = 0
        self.is_rested = True
        self.ahead: AskedAhead | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-P", "-m", module, str(memory), *([] if wait else [AHEAD])]
        self._popen: subprocess.Popen[bytes] | Forked
        try:
            if module == MODELS and not wait and can_fork():
                self._popen = Forked(memory, self._errors, file)
                self.ahead = AskedAhead(file)
            else:
                self._popen = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=self.started_as[2]
                )
        except OSError as error:
            self._errors.close()
            raise RunFailure("crash", f"the worker process cannot be started: {error}") from error
        # Without their buffers: whether there is more, or room for more, is asked of the pipes.
        self._stdin = cast("FileIO", cast("BufferedWriter", self._popen.stdin).raw)
        self._stdout = cast("FileIO", cast("BufferedReader", self._popen.stdout).raw)
        self._requests, self._answers = Requests(self._stdin), Answers(self._stdout)
        self.end = weakref.finalize(self, _end, self._popen, self._errors)  # at interpreter exit, if not before
        _living.add(self)
        self._unread = 1  # how many answers are under way, that it is ready is the first
        if wait:
            self.ask(None, timeout=timeout)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self.end.alive and self._popen.poll() is None

    def kill(self) -> None:
        """Kill it without waiting for its end, which `end` does."""
        self._popen.kill()

    def ask(
        self,
        header: Mapping[str, Any] | None,
        feeds: Mapping[str, Array] | None = None,
        *,
        blob: bytes = b"",
        timeout: float,
    ) -> Frame:
        """Send one frame (unless `header` is None) and return the answer; those to what was told are left out.

        Raises:
            RunFailure: The answer is an error; or there is none, and the process is ended.

        """
        from gru_lower.verification.worker.frames import read_frame, write_frame  # with numpy, which takes long

        with self._answering(timeout):
            if header is not None:
                self._unread += 1
                write_frame(self._requests, header, feeds, blob)
            while True:
                reply = read_frame(self._answers)
                if not self._is_ahead(reply):
                    self._unread -= 1
                    if not self._unread:
                        break
        return _checked(reply)

    def answer_to(self, number: int, *, timeout: float) -> Frame:
        """Return the answer to what was asked ahead.

        Raises:
            RunFailure: The answer is an error; or there is none, and the process is ended.

        """
        from gru_lower.verification.worker.frames import read_frame

        there = {} if self.ahead is None else self.ahead.answers
        if number not in there:
            with self._answering(timeout):
                self._requests.flush()
                while number not in there:
                    if not self._is_ahead(read_frame(self._answers)):
                        self._unread -= 1
        return _checked(there.pop(number))

    def has_answered(self, number: int, *, timeout: float) -> bool:
        """Whether what was asked ahead is answered already: no answer is waited for that has not begun to come."""
        from gru_lower.verification.worker.frames import read_frame

        there = {} if self.ahead is None else self.ahead.answers
        with suppress(RunFailure):  # as whoever wants the answer is told
            while number not in there and self._answers.has_more():
                with self._answering(timeout):
                    if not self._is_ahead(read_frame(self._answers)):
                        self._unread -= 1
        return number in there

    def _is_ahead(self, reply: Frame) -> bool:
        """Whether an answer is one to what was asked ahead: it is kept."""
        number = reply.header.get("number")
        if number is None or self.ahead is None:
            return False
        self.ahead.answers[number] = reply
        return True

    @contextmanager
    def _answering(self, timeout: float) -> Iterator[None]:
        """Give the process time to answer, and say why if it does not; then it is ended.

        Raises:
            RunFailure: It does not answer.

        """
        try:
            with self._within(timeout):
                yield
        except (EOFError, OSError) as error:
            is_late = isinstance(error, TimeoutError)
            failure = RunFailure("timeout", f"no answer within {timeout:g} s") if is_late else self._death_cause()
            self.end()
            raise failure from error
        except BaseException:  # KeyboardInterrupt, say: an answer may still be under way that nobody waits for
            self.end()
            raise

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Give the process time to read and to answer.

        A thread watches over pipes that cannot be waited for (Windows): a process that takes too long is killed.

        Raises:
            TimeoutError: The time is over.

        """
        self._requests.wait(seconds)
        self._answers.wait(seconds)
        if CAN_WAIT:
            yield
            return
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._popen.kill()

        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            if expired.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            timer.join()
            if expired.is_set():
                self.end()

    def tell(
        self,
        header: Mapping[str, Any],
        feeds: Mapping[str, Array] | None = None,
        *,
        blob: bytes = b"",
        timeout: float = LONGEST,
        at_once: bool = True,
    ) -> None:
        """Send one frame, and leave the answer unread: it matters to nobody, or comes by its number.

        Args:
            header: What to say.
            feeds: Arrays.
            blob: A serialised model.
            timeout: Seconds it may take.
            at_once: Whether the process is to know at once, else when it is asked next.

        """
        from gru_lower.verification.worker.frames import write_frame

        try:
            with self._within(timeout):
                if "number" not in header:
                    self._unread += 1
                write_frame(self._requests, header, feeds, blob, at_once=at_once)
        except TimeoutError:  # half of a frame may be under way
            self.end()
        except OSError:  # it is gone, as the next who asks is told
            pass
        except BaseException:  # KeyboardInterrupt, say: half of a frame may be under way
            self.end()
            raise

    def leave_to_parent(self) -> None:
        """In a child that was forked: let go of a process that is the parent's, so that it ends with the parent."""
        self.end.detach()
        self._popen.returncode = 0  # it is no child of this process, which could not wait for it
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (self._stdin, self._stdout):
            with suppress(OSError, ValueError):  # closed already
                os.dup2(nothing, stream.fileno(), inheritable=False)
        os.close(nothing)

    def _death_cause(self) -> RunFailure:
        """Return the failure that explains why the process is gone."""
        try:
            status = self._popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return RunFailure("crash", "the process stopped answering")
        line = self._last_error_line()
        if any(sign in line for sign in ("bad_alloc", "MemoryError", "Cannot allocate memory")):
            return RunFailure("memory", f"out of memory: {line}")
        if os.name == "posix" and status == -signal.SIGKILL:
            return RunFailure("memory", "the system killed the process, most likely for lack of memory")
        known = os.name == "posix" and -status in set(signal.Signals)
        how = signal.Signals(-status).name if known else f"exit status {status}"
        return RunFailure("crash", f"the process died ({how}){': ' if line else ''}{line}")

    def _last_error_line(self) -> str:
        """Return the last line on stderr."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _checked(reply: Frame) -> Frame:
    """Return an answer that is no error."""
    if not reply.header["ok"]:
        raise RunFailure(reply.header["kind"], reply.header["message"])
    return reply


def _end(popen: subprocess.Popen[bytes] | Forked, errors: IO[bytes]) -> None:
    """Kill the process, wait for its end and close its streams; a function, as a finalizer must not hold its object."""
    popen.kill()
    popen.wait()
    for stream in (popen.stdin, popen.stdout, errors):
        if stream is not None:
            with suppress(BrokenPipeError):  # what was not sent cannot be sent any more
                stream.close()


def _leave_all_to_parent() -> None:
    for process in list(_living):
        if process.end.alive:
            process.leave_to_parent()
    _living.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)
