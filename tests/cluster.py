"""A scheduler and workers, started as a user starts them: ``dask scheduler``, ``dask worker``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]


class Cluster:
    """A scheduler and its workers of one thread.

    Attributes:
        address: The scheduler's.
        scheduler: Its process.
        workers: The workers' processes.

    """

    def __init__(self, folder: Path) -> None:
        """Start the scheduler."""
        self._folder = folder
        self._environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        place = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        options = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place), "--no-dashboard"]
        self.scheduler = self._start("scheduler", *options)
        until = time.monotonic() + 60
        while not place.exists() or not place.read_text(encoding="utf-8").strip():
            assert time.monotonic() < until
            time.sleep(0.05)
        self.address: str = json.loads(place.read_text(encoding="utf-8"))["address"]

    def add_worker(self, **environment: str) -> Self:
        """Start a worker; return the cluster."""
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self._folder)]
        self.workers.append(self._start("worker", self.address, *options, "--no-nanny", **environment))
        return self

    def end(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "dask", *words]
            return subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, env=self._environment | environment
            )


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """Start a cluster; it is ended in the end."""
    folder.mkdir(exist_ok=True)
    found = Cluster(folder)
    try:
        for _ in range(workers):
            found.add_worker()
        yield found
    finally:
        found.end()
