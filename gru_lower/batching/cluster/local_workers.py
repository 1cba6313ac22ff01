"""A scheduler and workers on this machine, started as ``dask scheduler`` and ``dask worker`` start them.

They are processes of their own from the beginning: a script that calls the library needs no main guard for them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gru_lower.errors import Unsupported
from gru_lower.isolation.environment import environment

if TYPE_CHECKING:
    from types import TracebackType

SECONDS_TO_START = 120.0
PRELOAD = "gru_lower.batching.cluster.end_with_parent"
MOST_RESTARTS = 20
"""How many workers that were lost are replaced, in all."""


class LocalWorkers:
    """A scheduler and workers of one thread each.

    Args:
        count: How many workers.

    Attributes:
        address: The scheduler's.

    Raises:
        Unsupported: They do not start.

    """

    def __init__(self, count: int) -> None:
        """Start all of them; workers are not waited for."""
        self._folder = tempfile.TemporaryDirectory(prefix="gru-lower-dask-", ignore_cleanup_errors=True)
        self._log = (Path(self._folder.name) / "log").open("w+b")
        self._restarts = 0
        self._workers: list[subprocess.Popen[bytes]] = []
        place = Path(self._folder.name, "scheduler.json")
        options = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place)]
        self._scheduler = self._start("scheduler", *options)
        try:
            self.address = self._address(place)
            self._workers += [self._start_worker() for _ in range(count)]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of them."""
        self.close()

    def tend(self) -> None:
        """Replace workers that were lost.

        Raises:
            Unsupported: Too many were.

        """
        for place, worker in enumerate(self._workers):
            if worker.poll() is not None:
                self._restarts += 1
                if self._restarts > MOST_RESTARTS:
                    raise self._failed("workers end again and again")
                _end(worker)
                self._workers[place] = self._start_worker()

    def close(self) -> None:
        """End all of them."""
        for process in (*self._workers, self._scheduler):
            _end(process)
        self._log.close()
        self._folder.cleanup()

    def _start_worker(self) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", self._folder.name]
        return self._start("worker", self.address, *options)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "dask", *words, "--no-dashboard", "--preload", PRELOAD]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                env=environment(),
                start_new_session=os.name == "posix",  # Ctrl-C is for the process that started them
            )
        except OSError as error:
            raise self._failed(str(error)) from error

    def _address(self, place: Path) -> str:
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until and self._scheduler.poll() is None:
            with suppress(OSError, ValueError, KeyError):  # it is not there yet, or half
                return str(json.loads(place.read_text(encoding="utf-8"))["address"])
            time.sleep(0.02)
        raise self._failed("no scheduler started")

    def _failed(self, what: str) -> Unsupported:
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        said = f" ({lines[-1].strip()})" if lines else ""
        hint = 'try --cluster none; or install it again: pip install "gru-lower[cluster]"'
        return Unsupported(f"Dask on this machine: {what}{said}", code="GL953", hint=hint)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
