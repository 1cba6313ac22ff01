"""The line that moves on a terminal: what is done, how long the rest takes; nothing of it gets into logs."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.progress import Progress

import gru_lower
from gru_lower.cli import live_bar
from gru_lower.cli.printer import Printer
from gru_lower.cli.terminal import Terminal
from gru_lower.verification.steps import in_lines

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

pty = pytest.importorskip("pty", reason="there is no pseudo-terminal on this system")

ROOT = Path(__file__).resolve().parents[1]
DIGITS = str(ROOT / "fixtures" / "digits_gru.onnx")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def on_terminal(*words: str, logged: bool = False) -> str:
    """Run the command line with stderr on a terminal, or in a file beside one, and return what the terminal saw."""
    master, slave = pty.openpty()
    with Path("log").open("wb") as log:
        program = [sys.executable, "-m", "gru_lower", *words]
        running = subprocess.Popen(program, stdin=slave, stdout=slave, stderr=log if logged else slave)
        os.close(slave)
        parts: list[bytes] = []
        with suppress(OSError):  # Linux says so where nobody is left who writes
            while part := os.read(master, 65536):
                parts.append(part)
    os.close(master)
    seen = _CONTROL.sub("", b"".join(parts).decode())
    assert running.wait() == 0, seen
    return seen


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_verifying_and_fusing_move_and_leave_no_trace_in_a_log() -> None:
    seen = on_terminal("verify", DIGITS, DIGITS, "--search", "1.5")
    assert "looking for inputs on which the two differ, second" in seen
    scan = on_terminal(DIGITS, "--form", "scan", "-o", "scan.onnx")
    assert "verifying the whole model" in scan
    assert "reading nodes" in on_terminal("fuse", "scan.onnx", "-o", "fused.onnx")
    on_terminal("verify", DIGITS, DIGITS, "--search", "0.2", logged=True)
    assert Path("log").read_bytes() == b""


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rest_takes_as_long_for_each_part_as_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, shown = Clock(), io.StringIO()
    bars: list[Progress] = []

    def made(*columns: ProgressColumn, **how: Any) -> Progress:
        bars.append(Progress(*columns, **how, get_time=clock, auto_refresh=False))
        return bars[-1]

    monkeypatch.setattr(live_bar, "Progress", made)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    terminal = Terminal({"output_format": "text", "quiet": False, "verbose": 0, "no_color": False})
    terminal.err = Printer(shown, plain=True)

    def at(now: float, what: str, done: int, total: int, left: float | None = None) -> str:
        clock.now = now
        show(what, done, total, left)
        shown.seek(0)
        shown.truncate()
        bars[0].refresh()
        return _CONTROL.sub("", shown.getvalue()).strip(" \n━╸╺╶")

    with live_bar.live_bar(terminal) as show:
        assert at(0, "verifying", 1, 4) == "verifying 1 of 4"
        assert at(10, "verifying", 2, 4) == "verifying 2 of 4, 10 s, 30 s left"
        assert at(100, "verifying", 3, 4) == "verifying 3 of 4, 1 min 40 s, 1 min 40 s left"
        assert at(100, "fusing", 0, 1) == "fusing"
        assert at(103, "fusing", 0, 1) == "fusing, 3 s"
        assert at(110, "models", 2, 9, 5.0) == "models 2 of 9, 10 s, 5 s left"


def test_lines_say_the_same_steps() -> None:
    said: list[str] = []
    say = in_lines(said.append)
    say("original in onnxruntime, case", 1, 2)
    say("values before they are quantised", 0, 0)
    assert said == ["original in onnxruntime, case 1 of 2", "values before they are quantised"]
    told: list[str] = []
    gru_lower.verify(DIGITS, DIGITS, progress=told.append, search=0.1)
    assert told[0] == "original in onnxruntime, case 1 of 3"
    assert told[-1] == "looking for inputs on which the two differ, second 1 of 1"


def test_a_callback_hears_of_nodes_and_of_the_whole_model() -> None:
    heard: dict[str, tuple[int, int]] = {}

    def hear(what: str, done: int, total: int) -> None:
        heard[what] = done, total

    scan = gru_lower.lower(DIGITS, form="scan", verify=False).model
    gru_lower.fuse(scan, progress=hear)
    done, total = heard["reading nodes"]
    assert done == total > 10
    assert heard["verifying the whole model: rewrite in onnxruntime, case"] == (3, 3)
