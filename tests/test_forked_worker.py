"""A command's process that runs models is a copy of the command's own, and a process of its own all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems start it anew")

BEGIN = """
import os, signal, sys, threading
import numpy as np
from gru_lower.isolation.ends_soon import say_it_ends_soon
from gru_lower.verification.worker import kept_processes
from gru_lower.verification.worker.forked import Forked

say_it_ends_soon()
def is_forked():
    kept_processes.start_ahead()
    return isinstance(kept_processes._kept[0]._popen, Forked)
def worker():
    global onnx, RunFailure
    import onnx
    from gru_lower.verification.worker.client import Worker
    from gru_lower.verification.worker.run_failure import RunFailure
    return Worker()
DOUBLE = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'
X = {"x": np.ones(2, np.float32)}
def doubled(it):
    return it.run(it.load(onnx.parser.parse_model(DOUBLE)), X)["y"].tolist()
"""


def said(program: str, *, python: tuple[str, ...] = ()) -> list[str]:
    """Run a program after BEGIN; return the words it prints."""
    done = subprocess.run(
        [sys.executable, *python, "-c", BEGIN + textwrap.dedent(program)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_it_is_a_copy_that_runs_models() -> None:
    program = "print(is_forked()); it = worker(); print(*doubled(it), it._process._popen.pid != os.getpid())"
    assert said(program, python=("-W", "error::DeprecationWarning:gru_lower")) == ["True", "2.0", "2.0", "True"]


@pytest.mark.parametrize(
    "first",
    [
        "import onnx",
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "from gru_lower.isolation import ends_soon; ends_soon._ENDS_SOON.set(False)",
    ],
)
def test_where_a_copy_would_not_be_safe_it_is_started_anew(first: str) -> None:
    assert said(f"{first}\nprint(is_forked(), *doubled(worker()))") == ["False", "2.0", "2.0"]


def test_one_that_dies_is_noticed_and_the_next_is_started() -> None:
    program = """
    print(is_forked())
    it = worker()
    handle = it.load(onnx.parser.parse_model(DOUBLE))
    it.run(handle, X)
    first = it._process._popen
    os.kill(first.pid, signal.SIGSEGV)
    print(first.wait(30), it._process.alive, *it.run(handle, X)["y"].tolist(), it._process._popen.pid != first.pid)
    """
    assert said(program) == ["True", str(-signal.SIGSEGV), "False", "2.0", "2.0", "True"]


def test_one_that_takes_too_long_is_ended() -> None:
    program = """
    print(is_forked())
    it = worker()
    handle = it.load(onnx.parser.parse_model(DOUBLE))
    first = it._process._popen
    os.kill(first.pid, signal.SIGSTOP)  # so that it cannot answer in time, however quick the machine is
    try:
        it.run(handle, X, timeout=0.1)
    except RunFailure as failure:
        print(failure.kind)
    print(first.returncode, *it.run(handle, X)["y"].tolist())
    """
    assert said(program) == ["True", "timeout", str(-signal.SIGKILL), "2.0", "2.0"]


def test_it_has_nothing_of_the_caller_s_but_its_pipes() -> None:
    """Else whoever reads the command's output would wait for the copy, too."""
    program = """
    print(is_forked())
    it = worker(); doubled(it)
    pid = it._process._popen.pid
    theirs = {os.readlink(f"/proc/{pid}/fd/{each}") for each in os.listdir(f"/proc/{pid}/fd")}
    print(os.readlink("/proc/self/fd/1") in theirs)
    """
    assert said(program) == ["True", "False"]


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_its_caller(end: str) -> None:
    program = f"is_forked(); it = worker(); doubled(it); print(it._process._popen.pid, flush=True)\n{end}"
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    until = time.monotonic() + 60
    while Path(f"/proc/{done.stdout.strip()}/exe").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{done.stdout.strip()}/exe").exists()


AHEAD = """
from pathlib import Path
from gru_lower.verification.worker import server
from gru_lower.verification.worker.asked_ahead import FileAhead

loaded, by_itself = server._load, os.getpid()
def _load(request, model):
    if b"deadly" in model:
        os.kill(os.getpid(), signal.SIGSEGV)  # which another thread may be given
        threading.Event().wait()
    if b"endless" in model:
        threading.Event().wait()
    return loaded(request, model)
server._load = _load  # in the copy alone: a process that is started anew has none of it

def model(name):
    return onnx.parser.parse_model(DOUBLE.replace(" g (", f" {name} (")).SerializeToString()
def tried(ask):
    try:
        return ask()
    except RunFailure as failure:
        return failure.kind
"""


def test_what_it_was_asked_ahead_is_fetched() -> None:
    program = """
    print(is_forked())
    it = worker()
    handle = it.load_ahead(model("g"))
    other = {"x": np.full(2, 3, np.float32)}
    for feeds in (X, other):
        it.run_ahead(handle, feeds)
    print(it.load(model("g")) == handle, *it.run(handle, X)["y"].tolist(), *it.run(handle, other)["y"].tolist())
    print(it._process.ahead.matters, it.load(model("g")) == handle, it.seconds > 0)
    """
    assert said(AHEAD + textwrap.dedent(program)) == [
        "True",
        "True",
        "2.0",
        "2.0",
        "6.0",
        "6.0",
        "True",
        "False",
        "True",
    ]


def test_what_was_asked_ahead_is_not_asked_twice() -> None:
    program = """
    print(is_forked())
    it = worker()
    handle = it.load_ahead(model("g"))
    for _ in range(2):
        it.run_ahead(handle, X)
    print(len(it._process.ahead._numbers), it.load(model("g")) == handle, *it.run(handle, X)["y"].tolist())
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", "2", "True", "2.0", "2.0"]


def test_it_loads_a_file_without_being_asked() -> None:
    program = """
    import onnx
    raw = model("g")
    del sys.modules["onnx"]
    kept_processes.start_ahead(FileAhead(raw, str(Path("/").absolute())))
    it = worker()
    print(it.load(raw, Path("/")), it.load(raw, Path("/")), it.load(raw), *it.run(0, X)["y"].tolist())
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["0", "1", "2", "2.0", "2.0"]


@pytest.mark.parametrize("end", ["deadly", "endless"])
def test_what_fails_ahead_is_told_of_nothing_else(end: str) -> None:
    program = f"""
    print(is_forked())
    it = worker()
    it.load_ahead(model("{end}"))
    print(*tried(lambda: it.run(it.load(model("g")), X)["y"].tolist()))
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", "2.0", "2.0"]


def test_what_fails_ahead_is_tried_again_by_itself() -> None:
    program = """
    print(is_forked())
    it = worker()
    it.load_ahead(model("deadly"))
    handle = tried(lambda: it.load(model("deadly")))
    print(it._process.ahead, *it.run(handle, X)["y"].tolist())
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", "None", "2.0", "2.0"]


def test_what_fails_by_itself_is_told() -> None:
    program = """
    print(is_forked())
    it = worker()
    print(tried(lambda: it.load(model("deadly"))))
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", "crash"]


def test_whether_something_is_there_is_told_without_waiting() -> None:
    program = """
    import time
    print(is_forked())
    it = worker()
    handle, pid = it.load_ahead(model("g")), it._process._popen.pid
    print(it.has_run_ahead(handle, X))  # nobody has asked for it
    os.kill(pid, signal.SIGSTOP)
    it.run_ahead(handle, X, at_once=True)
    print(it.has_run_ahead(handle, X))
    os.kill(pid, signal.SIGCONT)
    while not it.has_run_ahead(handle, X):
        time.sleep(0.01)
    print(it.load(model("g")) == handle)
    os.kill(pid, signal.SIGSTOP)
    print(*it.run(handle, X, timeout=0.1)["y"].tolist())  # which it has answered
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", "False", "False", "True", "2.0", "2.0"]


def test_one_that_does_not_read_in_time_is_ended() -> None:
    """Half of what it was asked may be in its pipe, and the next would be taken for the rest."""
    program = """
    print(is_forked())
    it = worker()
    handle = it.load(model("g"))
    first = it._process._popen
    os.kill(first.pid, signal.SIGSTOP)
    it.timeout = 0.1
    it.load_ahead(bytes(8 << 20))  # more than the pipe takes
    it.timeout = 60
    print(first.returncode, *it.run(handle, X)["y"].tolist())
    """
    assert said(AHEAD + textwrap.dedent(program)) == ["True", str(-signal.SIGKILL), "2.0", "2.0"]
