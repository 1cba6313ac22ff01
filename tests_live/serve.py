"""Run many models through one runner without starting Python and importing the engine for each.

``python -m tests_live.serve RUNNER.py [--here]`` reads a line of JSON per model, ``[model, inputs, outputs, log,
limit]``, runs the runner's ``main`` on it in a fork, and writes a line: the exit status, or null where the limit of
seconds was exceeded. With ``--here`` there is no fork: for a runner that keeps something open from model to model.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(script: Path, *, here: bool) -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what engines print to stdout must not come between
    sys.path.insert(0, str(script.parent))
    run = importlib.import_module(script.stem).run
    for line in sys.stdin:
        *files, log, limit = json.loads(line)
        answers.write(f"{json.dumps(_here(run, files, log) if here else _forked(run, files, log, limit))}\n")
        answers.flush()


def _forked(run: Callable[..., Any], files: list[str], log: str, limit: float) -> int | None:
    child = os.fork()
    if not child:
        os._exit(_here(run, files, log))
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _here(run: Callable[..., Any], files: list[str], log: str) -> int:
    from runner import main

    with Path(log).open("w", encoding="utf-8") as handle:
        os.dup2(handle.fileno(), 1)
        os.dup2(handle.fileno(), 2)
        sys.argv[1:] = files
        status = main(run)
        sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve(Path(sys.argv[1]), here="--here" in sys.argv)
