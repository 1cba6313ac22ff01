"""The process in which commands run, one after another: started when first needed, kept, and ended within limits."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from gru_lower.verification.worker.kept_processes import give_back, take
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = "gru_lower.cli.command_server"
"""The module whose process runs commands. It stands above this one, and is never imported here."""
SECONDS_TO_START = 120.0
SHARE = 2
"""A process that is kept is taken up where it holds no more than this part of the limit."""
LEAST_TO_START = 400 << 20
"""Bytes of data without which no process starts; a lower limit holds from when the model is read."""
GRACE = 5.0
"""Seconds that a process has to end by itself when its time is up, and to take its unfinished files with it."""


def ask(header: Mapping[str, Any], *, seconds: float = 0.0, memory: int = 0) -> dict[str, Any]:
    """Ask the process something.

    Args:
        header: What is asked.
        seconds: How long it may take; 0 for no limit.
        memory: Bytes of data the process may hold; 0 for no limit.

    Raises:
        RunFailure: It took longer ("timeout"), needed more ("memory"), or the process died ("crash").

    """
    process = take(max(memory, LEAST_TO_START) if memory else 0, SECONDS_TO_START, COMMANDS, share=SHARE)
    started = time.monotonic()
    try:
        limit = seconds + GRACE if seconds else math.inf
        return process.ask({**header, "seconds": seconds, "memory": memory}, timeout=limit).header
    except RunFailure as failure:
        if seconds and failure.kind in ("crash", "timeout") and time.monotonic() - started >= seconds:
            raise RunFailure("timeout", f"it took longer than {seconds:g} s") from failure
        if failure.kind == "memory" and memory:
            raise RunFailure("memory", f"it needed more than {memory:,} bytes") from failure
        raise
    finally:
        give_back(process)
