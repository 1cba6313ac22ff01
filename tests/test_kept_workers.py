"""The worker process is kept between calls: one start serves many, and nothing of it is left when the caller ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run
from gru_lower.isolation.ends_soon import say_it_ends_soon
from gru_lower.verification.worker import kept_processes, start_ahead
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.frames import read_frame
from gru_lower.verification.worker.process import Process
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits_gru.onnx"
MARK = "GRU_LOWER_TEST_MARK"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

DOUBLE = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'
ENDLESS = """<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) {
    trips = Constant<value = int64 {9000000000000000000}>()
    go = Constant<value = bool {1}>()
    y = Loop(trips, go, x) <body = step (int64 i, bool more, float[n] s) => (bool again, float[n] t) {
        again = Identity(more)  t = Add(s, s)
    }>
}"""
ONES = """<ir_version: 8, opset_import: ["": 17]> g (int64[2] shape) => (float[a, 1] y) {
    ones = ConstantOfShape<value = float[1] {1.0}>(shape)
    y = ReduceMax<axes = [1]>(ones)
}"""
X = {"x": np.ones(2, np.float32)}


def doubles(worker: Worker) -> int:
    """Run a small model; return the process in which it ran."""
    assert worker.run(worker.load(onnx.parser.parse_model(DOUBLE)), X)["y"].tolist() == [2, 2]
    assert worker._process is not None
    return worker._process._popen.pid


def use(**options: Any) -> int:
    """Take a worker, run a small model and let it go."""
    with Worker(**options) as worker:
        return doubles(worker)


@pytest.fixture(autouse=True)
def _none_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kept_processes, "SECONDS_TO_REST", 120.0)  # however busy the machine is
    kept_processes.end_kept()
    yield
    kept_processes.end_kept()


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The memory limits of the processes that are started."""
    found: list[int] = []

    def counted(memory: int, timeout: float, module: str) -> Process:
        found.append(memory)
        return Process(memory, timeout, module)

    monkeypatch.setattr(kept_processes, "Process", counted)
    return found


def test_ten_calls_start_one_process(starts: list[int]) -> None:
    original = onnx.load(DIGITS)
    lowered = [gru_lower.lower(original) for _ in range(10)]
    assert all(each.report.verification.status == "equivalent" for each in lowered)
    gru_lower.verify(original, lowered[0].model)
    gru_lower.fuse(lowered[0].model)
    assert len(starts) == 1


def test_a_kept_process_holds_no_model_and_follows_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = use()
    where = Path(f"/proc/{first}/cwd")
    if where.exists():
        assert where.resolve() == Path("/")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    with Worker() as worker:
        assert doubles(worker) == first
        if where.exists():
            assert where.resolve() == tmp_path.resolve() / "other"
        assert worker._process is not None
        with pytest.raises(RunFailure):  # handles of the use before are gone
            worker._process.ask({"command": "run", "handle": 77, "outputs": None}, X, timeout=30)


def test_a_folder_that_was_removed_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = use()
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    if sys.platform != "win32":
        (tmp_path / "gone").rmdir()
    assert use() == first


def test_one_that_was_started_ahead_is_taken_up() -> None:
    kept_processes.start_ahead()
    (ahead,) = kept_processes._kept
    kept_processes.start_ahead()  # one is enough
    assert use() == ahead._popen.pid
    assert kept_processes._kept == [ahead]


def test_one_that_was_started_ahead_and_failed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_processes, "Process", partial(Process, module="gru_lower.no_such_module"))
    kept_processes.start_ahead()
    monkeypatch.undo()
    (ahead,) = kept_processes._kept
    assert use() != ahead._popen.pid


def test_where_the_caller_ends_soon_one_is_cleared_up_when_it_is_taken_up() -> None:
    def twice() -> None:
        say_it_ends_soon()
        first = use()
        (kept,) = kept_processes._kept
        assert not kept.is_rested
        with Worker() as worker:
            assert doubles(worker) == first
            with pytest.raises(RunFailure):  # handles of the use before are gone
                kept.ask({"command": "run", "handle": 77, "outputs": None}, X, timeout=30)

    copy_context().run(twice)


STARTING = (
    "lower digits.onnx",
    "legalize digits.onnx --target onnxruntime",
    "verify digits.onnx digits.onnx",
)
WAITING = ("lower digits.onnx --no-verify", "lower plain.onnx", "inspect digits.onnx", "check digits.onnx")


@pytest.mark.parametrize("words", [*STARTING, *WAITING])
def test_commands_that_will_run_a_model_start_the_process_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.onnx").write_bytes(DIGITS.read_bytes())
    onnx.save(onnx.parser.parse_model(DOUBLE), "plain.onnx")
    ahead: list[bool] = []
    monkeypatch.setattr(start_ahead, "start_ahead", lambda *_: ahead.append(True))
    run(words.split())
    assert bool(ahead) == (words in STARTING)


def test_a_model_with_weights_in_other_files_is_not_loaded_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead: list[object] = []
    monkeypatch.setattr(start_ahead, "start_ahead", ahead.append)
    apart = tmp_path / "apart.onnx"
    onnx.save(onnx.load(DIGITS), apart, save_as_external_data=True, size_threshold=0)
    for model in (DIGITS, apart):
        start_ahead.start_for_gru([model])
    assert [each is None for each in ahead] == [False, True]


def test_pytest_naming_its_test_is_no_other_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    first = use()
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "another (call)")
    assert use() == first


def test_another_environment_gets_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first = use()
    monkeypatch.setenv("GRU_LOWER_ANYTHING", "else")
    second = use()
    assert second != first
    assert use() == second
    monkeypatch.delenv("GRU_LOWER_ANYTHING")
    assert use() == first


@linux_only
def test_the_memory_limit_is_each_callers_own() -> None:
    def run(memory: int) -> tuple[int, str]:
        with Worker(memory=memory) as worker:
            handle = worker.load(onnx.parser.parse_model(ONES))
            assert worker._process is not None
            pid = worker._process._popen.pid
            try:
                worker.run(handle, {"shape": np.array([1 << 10, 160 << 10])})  # 640 MB
            except RunFailure as failure:
                return pid, failure.kind
            return pid, "fits"

    limits = [4 << 30, 600 << 20, 4 << 30, 0, 600 << 20]
    found = [run(limit) for limit in limits]
    assert [kind for _, kind in found] == ["fits", "memory", "fits", "fits", "memory"]
    assert len({pid for pid, _ in found}) < len(limits)
    assert run(256 << 20)[0] not in {pid for pid, _ in found}  # what a kept one holds would be a large part of it


@linux_only
def test_memory_that_models_leave_behind_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_processes, "MOST_DATA", 1 << 20)
    first = use()
    assert gone(first)
    assert use() != first


def test_a_process_that_died_is_replaced() -> None:
    with Worker() as worker:
        first = doubles(worker)
        process = worker._process
    assert process is not None
    process._popen.kill()
    process._popen.wait()
    assert use() != first


def test_a_process_that_dies_while_it_is_taken_up_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    first = use()
    (kept,) = kept_processes._kept
    monkeypatch.setattr(type(kept), "alive", True)  # as seen a moment before
    kept._popen.kill()
    kept._popen.wait()
    monkeypatch.undo()
    assert use() != first


def test_one_that_hung_is_not_kept() -> None:
    with Worker() as worker:
        first = doubles(worker)
        endless = worker.load(onnx.parser.parse_model(ENDLESS))
        with pytest.raises(RunFailure, match="no answer"):
            worker.run(endless, X, timeout=0.3)
    assert not kept_processes._kept
    assert use() != first


def test_a_worker_of_its_own_is_neither_taken_up_nor_kept() -> None:
    first = use()
    second = use(shared=False)
    assert second != first
    assert [process._popen.pid for process in kept_processes._kept] == [first]


def test_threads_have_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_processes, "MOST_KEPT", 4)
    together = threading.Barrier(6)
    pids: list[int] = []

    def run() -> None:
        with Worker() as worker:
            pids.append(doubles(worker))
            together.wait(60)

    for _ in range(2):
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(pids[:6])) == len(set(pids[6:])) == 6
    assert len(kept_processes._kept) == 4
    assert len(set(pids[:6]) & set(pids[6:])) == 4


def test_one_that_nobody_takes_up_ends_by_itself() -> None:
    script = """
        from gru_lower.verification.worker import server, serving
        serving.SECONDS_OF_REST = 0.1
        serving.serve(server.Models(), 0)
    """
    from gru_lower.verification.worker.frames import write_frame

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as child:
        read_frame(child.stdout)  # type: ignore[arg-type]
        write_frame(child.stdin, {"command": "rest"})  # type: ignore[arg-type]
        assert read_frame(child.stdout).header["ok"]  # type: ignore[arg-type]
        assert child.wait(30) == 0


def gone(pid: int, within: float = 15.0) -> bool:
    """Whether a process ends in time."""
    until = time.monotonic() + within
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


def marked(mark: str) -> list[str]:
    """Return the command lines of living processes whose environment has the mark."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            environment = (folder / "environ").read_bytes()
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in environment:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it is gone, or another user's
            continue
    return [line for line in found if line]  # a zombie has none


def none_left(mark: str, within: float = 15.0) -> bool:
    until = time.monotonic() + within
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.05)
    return not marked(mark)


USE = f"""
    import os, signal, sys, threading, time
    import numpy as np, onnx
    from gru_lower.verification.worker import kept_processes
    from gru_lower.verification.worker.client import Worker

    double, x = onnx.parser.parse_model({DOUBLE!r}), {{"x": np.ones(2, np.float32)}}

    def use():
        with Worker() as worker:
            assert worker.run(worker.load(double), x)["y"].tolist() == [2, 2]
            return worker._process._popen.pid

    first = use()
    print(first, flush=True)
"""
ENDINGS = {
    "exit": "",
    "sys.exit": "sys.exit(3)",
    "an exception": "1 / 0",
    "os._exit": "os._exit(0)",
    "os.abort": "os.abort()",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
    "an exception in a thread": "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
    "a daemon thread in the middle": """
        threading.Thread(target=lambda: [use() for _ in range(10**6)], daemon=True).start()
        time.sleep(0.3)""",
    "a fork that exits": "os.fork() or sys.exit(0); os.wait(); assert use() == first",
    "a fork that uses its own": """
        if not os.fork():
            sys.exit(use() == first)
        assert use() == first
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0""",
    "a fork in the middle of a use": """
        with Worker() as worker:
            handle = worker.load(double)
            child = os.fork()
            assert worker.run(handle, x)["y"].tolist() == [2, 2]
            assert (worker._process._popen.pid == first) == bool(child)
        child and os.wait()""",
    "a fork that goes on": """
        child = os.fork()
        if not child:
            os.close(1)
            os.close(2)
            time.sleep(600)
        print(child)""",
    "multiprocessing": """
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(len, ["ab"]) == [2]""",
}


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_outlives_the_caller(ending: str) -> None:
    """However it ends; and a child that it forks neither ends its processes nor holds them."""
    mark = uuid.uuid4().hex
    script = textwrap.dedent(USE) + textwrap.dedent(ENDINGS[ending])
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), MARK: mark},
    )
    out, err = parent.communicate(timeout=60)
    worker, *others = (int(word) for word in out.split())
    if ending.startswith(("a fork", "multi", "exit")):
        assert not err, err
        assert parent.returncode == 0
    assert gone(worker)
    for child in others:
        os.kill(child, signal.SIGKILL)
    assert none_left(mark)


@linux_only
def test_ctrl_c_in_the_middle_of_a_call_leaves_nothing_and_the_next_call_works() -> None:
    mark = uuid.uuid4().hex
    script = (
        USE
        + """
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            use()
    except KeyboardInterrupt:
        assert len(kept_processes._kept) <= 1
        use()
        print("works")
    """
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT), MARK: mark},
    )
    assert done.stdout.endswith("works\n"), done.stderr
    assert none_left(mark)


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("sent", [None, signal.SIGINT])
def test_nothing_is_left_of_pytest_with_workers_of_its_own(tmp_path: Path, sent: signal.Signals | None) -> None:
    mark = uuid.uuid4().hex
    text = f"""
        import time, onnx, pytest, gru_lower
        @pytest.mark.parametrize("n", range(2))
        def test_lowering(n):
            gru_lower.lower(onnx.load({str(DIGITS)!r}))
            open({str(tmp_path / "ran")!r}, "a").write("x")
            time.sleep({60 if sent else 0})
    """
    (tmp_path / "test_it.py").write_text(textwrap.dedent(text), encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "xdist", "--rootdir", tmp_path, tmp_path],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT), MARK: mark, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        start_new_session=True,
    )
    if sent:
        until = time.monotonic() + 50
        while time.monotonic() < until and not (tmp_path / "ran").exists():
            time.sleep(0.05)
        assert marked(mark)
        os.killpg(running.pid, sent)  # as a terminal does
    code = running.wait(60)
    assert sent or code == 0
    assert none_left(mark)


def test_those_that_are_dismissed_are_killed_and_waited_for_at_the_end() -> None:
    process = kept_processes.take(0, 60)
    kept_processes.give_back(process)
    kept_processes.dismiss_kept()
    assert not kept_processes._kept
    assert process._popen.wait(60)
    assert process.end.alive  # so that the end of this process cleans up after it
    kept_processes._dismissed.pop().end()
