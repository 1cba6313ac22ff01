"""The process in which commands run for ``batch``: ``python -P -m gru_lower.cli.command_server BYTES``.

It reads a line of words, and runs such lines, one after another, as if each were a command of its own: what a command
costs to start is paid once. How it is asked, and when it ends, says :mod:`gru_lower.verification.worker.serving`.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli.do_line import read_do_line
from gru_lower.cli.exit_codes import as_refusal
from gru_lower.cli.main import cli
from gru_lower.errors import GruLowerError, InternalError
from gru_lower.graph.atomic_file import remove_unfinished
from gru_lower.isolation.chosen_memory import at_most
from gru_lower.isolation.memory_limit import limit_memory
from gru_lower.verification.worker.serving import Answer, Service, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.verification.worker.frames import Frame


TIME_IS_UP = 75
"""The exit status of a process whose time was up."""


class CommandLines(Service):
    """Reads lines and runs them."""

    def answer(self, frame: Frame) -> Answer:
        """Do what is asked."""
        asked = frame.header
        with suppress(OSError):  # a folder that only the client has; paths that matter were tried
            os.chdir(asked["folder"])
        if asked["command"] == "read":
            return Answer(_read(asked["words"]))
        with _ended_after(asked["seconds"]), _held_to(asked["memory"]):
            return Answer(Context().run(_run, asked["words"], asked["memory"]))

    def end(self) -> None:
        """Leave no temporary file."""
        remove_unfinished()


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End the process when its time is up, without leaving unfinished files; 0 for no limit."""

    def end() -> None:
        remove_unfinished()
        os._exit(TIME_IS_UP)

    timer = threading.Timer(min(seconds or threading.TIMEOUT_MAX, threading.TIMEOUT_MAX), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _held_to(memory: int) -> Iterator[None]:
    limit_memory(memory)
    try:
        yield
    finally:
        limit_memory(0)


def _read(words: Sequence[str]) -> dict[str, Any]:
    try:
        return {"line": read_do_line(cli, words)._asdict()}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said to whoever wrote the line
        return {"error": _said(as_refusal(error))}


def _run(words: Sequence[str], memory: int) -> dict[str, Any]:
    """Run a command; return its exit code, its report and the error that ended it."""
    said, aside = io.StringIO(), io.StringIO()
    error: GruLowerError | None = None
    with redirect_stdout(said), redirect_stderr(aside), at_most(memory or None):
        try:
            code = cli.main(args=[*words], prog_name="gru-lower", standalone_mode=False)
        except (MemoryError, click.exceptions.Exit):
            raise
        except Exception as raised:  # noqa: BLE001 - as the command line itself does
            error = as_refusal(raised)
            code = error.exit_code
    text = said.getvalue()
    report = json.loads(text) if text.strip() else None
    return {"exit_code": int(code or 0), "report": report, "error": None if error is None else _said(error)}


def _said(error: GruLowerError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message if not error.node else f"{error.node}: {error.message}",
        "hint": error.hint,
        "internal": isinstance(error, InternalError),
        "exit_code": error.exit_code,
    }


if __name__ == "__main__":
    serve(CommandLines(), int(sys.argv[1]))
