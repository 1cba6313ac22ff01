"""Worker processes between two uses: kept while they are small and wanted, taken up again instead of starting another.

A process costs a third of a second to start, many times what it takes to verify a small model. What is kept holds no
model, follows the memory limit of whoever takes it up, ends by itself when nobody does for a minute, and with this
process in any case. A process that crashed, hung or was interrupted is never kept.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gru_lower.isolation.chosen_memory import chosen_memory
from gru_lower.isolation.ends_soon import ends_soon
from gru_lower.isolation.environment import environment
from gru_lower.verification.worker.process import MODELS, Process
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from gru_lower.verification.worker.asked_ahead import FileAhead

MOST_KEPT = max(4, os.cpu_count() or 0)
"""How many processes are kept: as many as threads are likely to verify at once."""
MOST_DATA = 256 << 20
"""Bytes of data with which a process is kept: what is beyond, the last models have left behind."""
SHARE = 8
"""A process that runs models is taken up where what it holds already is no more than this part of the limit."""
SECONDS_TO_REST = 5.0

_kept: list[Process] = []  # its methods are atomic: no lock that a fork could leave locked
_dismissed: list[Process] = []  # killed, and waited for when this process ends


def start_ahead(file: FileAhead | None = None) -> None:
    """Start a process that runs models if none is kept, and do not wait: it gets ready while other things are done.

    Args:
        file: A model that it may load already.

    """
    if not _kept:
        with suppress(RunFailure):  # whoever wants to run a model is told
            _kept.append(Process(chosen_memory(), SECONDS_TO_REST, wait=False, file=file))


def take(memory: int, timeout: float, module: str = MODELS, *, share: int = SHARE) -> Process:
    """Return a process that runs models, or something else: one that was kept, or a new one.

    Args:
        memory: Bytes of data it may hold; 0 for no limit.
        timeout: Seconds it has to start.
        module: What runs in it.
        share: What it holds already is no more than this part of the limit.

    Raises:
        RunFailure: It cannot be started.

    """
    wanted = (module, sys.executable, environment())
    for process in list(_kept):
        if process.started_as != wanted or (memory and process.data * share > memory):
            continue
        try:
            _kept.remove(process)
        except ValueError:  # another thread was quicker
            continue
        if not (process.is_rested or _rest(process)):
            continue
        with suppress(RunFailure):  # it has ended meanwhile
            process.ask({"command": "begin", "memory": memory, "folder": _folder()}, timeout=timeout)
            process.is_rested = False
            return process
    process = Process(memory, timeout, module)
    process.is_rested = False
    return process


def give_back(process: Process) -> None:
    """Keep a process for the next use, or end it if it is not fit for one.

    Where this process ends soon, and it with it, it is cleared up when it is taken up again, if ever.
    """
    if not process.alive:
        process.end()
        return
    if not (ends_soon() or _rest(process)):
        return
    _kept.append(process)
    while len(_kept) > MOST_KEPT:
        with suppress(IndexError):
            _kept.pop(0).end()


def _rest(process: Process) -> bool:
    """Have a process forget its last use; return whether it is fit for another, else it is ended."""
    try:
        keeps_file = process.ahead is not None and process.ahead.has_file
        answer = process.ask({"command": "rest", "keeps_file": keeps_file}, timeout=SECONDS_TO_REST)
    except RunFailure:
        process.end()
        return False
    if process.ahead is not None:
        process.ahead.forget()
    process.data, process.is_rested = int(answer.header["data"]), True
    if process.data > MOST_DATA:
        process.end()
        return False
    return True


def dismiss_kept() -> None:
    """Kill every process that is kept, and go on: they are taken down while this process does its last things."""
    while _kept:
        with suppress(IndexError):
            _dismissed.append(_kept.pop())
            _dismissed[-1].kill()


def end_kept() -> None:
    """End every process that is kept, as the end of this process does."""
    while _kept:
        with suppress(IndexError):
            _kept.pop().end()


def _folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.clear)  # a child's processes are its own
    os.register_at_fork(after_in_child=_dismissed.clear)
