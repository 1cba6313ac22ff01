"""Models run where they can do no harm: a crash, a hang or a flood of memory ends one run, never the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.isolation.environment import environment
from gru_lower.verification.running.running_model import RunningModel
from gru_lower.verification.worker import pipes, process
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.kept_processes import end_kept
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.worker.runtimes import Runtime

ROOT = Path(__file__).resolve().parents[1]
linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

DOUBLE = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'
ENDLESS = """<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) {
    trips = Constant<value = int64 {9000000000000000000}>()
    go = Constant<value = bool {1}>()
    y = Loop(trips, go, x) <body = step (int64 i, bool more, float[n] s) => (bool again, float[n] t) {
        again = Identity(more)  t = Add(s, s)
    }>
}"""
BOMB = """<ir_version: 8, opset_import: ["": 17]> g (int64[2] shape) => (float[a, b] y) {
    y = ConstantOfShape<value = float[1] {1.0}>(shape)
}"""


def parsed(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


def gru_model(*, opset: int = 17, elem_type: int = TensorProto.FLOAT, **attributes: Any) -> onnx.ModelProto:
    """Return a GRU of I = 2 and H = 3 with all inputs fed."""
    shapes: dict[str, list[int | str]] = {"X": ["t", "n", 2], "W": [1, 9, 2], "R": [1, 9, 3]}
    graph = helper.make_graph(
        [helper.make_node("GRU", list(shapes), ["Y", "Y_h"], **attributes)],
        "g",
        [helper.make_tensor_value_info(name, elem_type, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(name, elem_type, None) for name in ("Y", "Y_h")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset > 6 else 3)


def gru_feeds(steps: int, batch: int, dtype: Any = np.float32) -> dict[str, np.ndarray[Any, Any]]:
    shapes = {"X": (steps, batch, 2), "W": (1, 9, 2), "R": (1, 9, 3)}
    return {name: np.linspace(-1, 1, int(np.prod(shape)), dtype=dtype).reshape(shape) for name, shape in shapes.items()}


def typed_identity(elem_type: int) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", elem_type, None)],
        [helper.make_tensor_value_info("y", elem_type, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def gone(pid: int, within: float = 10.0) -> bool:
    """Whether the process ends in time; a zombie that nobody reaps has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30, memory=2 << 30) as started:
        yield started


def test_a_worker_starts_quickly() -> None:
    with Worker() as fresh:
        started = time.monotonic()
        handle = fresh.load(parsed(DOUBLE))
        fresh.run(handle, {"x": np.ones(2, np.float32)})
        assert time.monotonic() - started < 2.0  # 0.12 s on an idle machine


@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (2, 0)])
def test_a_crash_is_reported_and_the_next_run_works(worker: Worker, steps: int, batch: int) -> None:
    handle = worker.load(gru_model(hidden_size=3))
    with pytest.raises(RunFailure, match=r"SIGABRT|exit status") as failure:
        worker.run(handle, gru_feeds(steps, batch))
    assert failure.value.kind == "crash"
    assert worker.run(handle, gru_feeds(4, 2))["Y"].shape == (4, 1, 2, 3)


def test_a_hang_is_ended_in_time_and_the_next_run_works(worker: Worker) -> None:
    endless, double = worker.load(parsed(ENDLESS)), worker.load(parsed(DOUBLE))
    x = {"x": np.ones(2, np.float32)}
    started = time.monotonic()
    with pytest.raises(RunFailure, match=r"within 0\.5 s") as failure:
        worker.run(endless, x, timeout=0.5)
    assert failure.value.kind == "timeout"
    assert time.monotonic() - started < 5
    assert worker.run(double, x)["y"].tolist() == [2, 2]


def test_where_pipes_cannot_be_waited_for_a_hang_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    for module in (pipes, process):
        monkeypatch.setattr(module, "CAN_WAIT", False)
    with Worker(timeout=30, memory=2 << 30, shared=False) as fresh:
        test_a_hang_is_ended_in_time_and_the_next_run_works(fresh)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce RLIMIT_DATA")
@pytest.mark.parametrize("side", [1 << 15, 1 << 24])  # 4 GiB against a limit of 2; 1 PiB
@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
def test_memory_is_limited(worker: Worker, side: int, runtime: Runtime) -> None:
    bomb = worker.load(parsed(BOMB), runtime=runtime)
    with pytest.raises(RunFailure) as failure:
        worker.run(bomb, {"shape": np.array([side, side])})
    assert failure.value.kind == "memory"
    assert worker.run(bomb, {"shape": np.array([2, 3])})["y"].shape == (2, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce RLIMIT_DATA")
def test_inputs_that_do_not_fit_are_a_lack_of_memory_too() -> None:
    with Worker(memory=256 << 20) as small:
        handle = small.load(parsed(DOUBLE))
        with pytest.raises(RunFailure) as failure:
            small.run(handle, {"x": np.zeros(100 << 20, np.float32)})
        assert failure.value.kind == "memory"
        assert small.run(handle, {"x": np.ones(1, np.float32)})["y"].tolist() == [2]


def test_refusals_are_one_line_with_the_reason(worker: Worker) -> None:
    for model, reason in (
        (gru_model(hidden_size=3, layout=1), "layout == 1"),
        (gru_model(), "hidden_size"),
        (b"no model", "protobuf"),
    ):
        with pytest.raises(RunFailure, match=reason) as failure:
            worker.load(model)
        assert failure.value.kind == "error"
        assert "\n" not in failure.value.message
        assert "/onnxruntime_src/" not in failure.value.message


@linux_only
@pytest.mark.parametrize("command", ["pass", "worker.run(handle, {'x': x})", "os.abort()"])
def test_no_process_outlives_its_parent(command: str) -> None:
    """Not at a normal exit without close, not when killed in the middle of a run, not after an abort."""
    script = f"""
        import os, numpy as np, onnx
        from gru_lower.verification.worker.client import Worker
        worker = Worker()
        handle = worker.load(onnx.parser.parse_model({ENDLESS!r}))
        x = np.ones(2, np.float32)
        print(worker._process._popen.pid, flush=True)
        {command}
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    if "run" in command:
        time.sleep(0.2)
        parent.kill()
    parent.communicate(timeout=10)
    assert gone(pid)


@linux_only
def test_the_end_leaves_no_zombie_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor onnxruntime's telemetry session, which it would keep in the folder for temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with Worker() as started:
        started.load(parsed(DOUBLE))
        assert started._process is not None
        pid = started._process._popen.pid
    end_kept()
    assert not Path(f"/proc/{pid}").exists()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_the_run_and_the_next_one_is_not_mixed_up_with_it() -> None:
    with Worker() as interrupted:
        endless, double = interrupted.load(parsed(ENDLESS)), interrupted.load(parsed(DOUBLE))
        x = {"x": np.ones(2, np.float32)}
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            interrupted.run(endless, x)
        assert interrupted.run(double, x)["y"].tolist() == [2, 2]


def test_the_worker_imports_what_its_parent_does() -> None:
    paths = environment()["PYTHONPATH"].split(os.pathsep)
    package = Path(gru_lower.__file__).parent
    assert str(package.parent) in paths
    assert str(package) not in paths  # its modules would come before those of the standard library


def test_what_a_model_prints_does_not_reach_the_protocol() -> None:
    """A native library's printf and a Python print in the middle of a run, in a real worker process."""
    script = """
        import os, sys
        from gru_lower.verification.worker import server
        class Chatty:
            def run(self, feeds, outputs):
                os.write(1, b"native noise")
                print("python noise", flush=True)
                return feeds
        server._load = lambda *_: Chatty()
        server.serve(server.Models(), 0)
    """
    from gru_lower.verification.worker.frames import read_frame, write_frame

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as child:
        stdin, stdout, stderr = child.stdin, child.stdout, child.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        read_frame(stdout)  # type: ignore[arg-type]
        write_frame(stdin, {"command": "load", "handle": 1, "runtime": "", "base_dir": None})
        read_frame(stdout)  # type: ignore[arg-type]
        write_frame(stdin, {"command": "run", "handle": 1, "outputs": None}, {"x": np.arange(3)})
        assert read_frame(stdout).arrays["x"].tolist() == [0, 1, 2]  # type: ignore[arg-type]
        stdin.close()
        assert b"native noise" in stderr.read()


def test_the_users_folder_and_its_files_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')", encoding="utf-8")
    (tmp_path / "gru_lower").mkdir()
    monkeypatch.chdir(tmp_path)
    with Worker() as fresh:
        handle = fresh.load(parsed(DOUBLE))
        assert fresh.run(handle, {"x": np.ones(1, np.float32)})["y"].tolist() == [2]


@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
def test_external_data_is_found_from_any_folder(
    worker: Worker, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = parsed('<ir_version: 8, opset_import: ["": 17]> g (float[n, 4] x) => (float[n, 2] y) { y = MatMul(x, w) }')
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    onnx.save_model(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    light = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    handle = worker.load(light, tmp_path, runtime)
    assert worker.run(handle, {"x": np.eye(4, dtype=np.float32)})["y"].tolist() == weights.tolist()
    monkeypatch.chdir(tmp_path)
    handle = worker.load(light, Path(), runtime)
    assert worker.run(handle, {"x": np.eye(4, dtype=np.float32)})["y"].tolist() == weights.tolist()


@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
@pytest.mark.parametrize(
    ("elem_type", "values"),
    [
        (TensorProto.BFLOAT16, np.array([[1.5, -np.inf, 3e38]], ml_dtypes.bfloat16)),
        (TensorProto.FLOAT8E5M2, np.array([1.5, -2, 0], ml_dtypes.float8_e5m2)),
        (TensorProto.FLOAT16, np.array([0.1, np.nan], np.float16)),
        (TensorProto.DOUBLE, np.array(2.0)),
        (TensorProto.FLOAT, np.zeros((0, 3), np.float32)),
        (TensorProto.FLOAT, np.arange(12, dtype=np.float32).reshape(3, 4).T),
        (TensorProto.INT64, np.array([2**62 + 1])),
        (TensorProto.UINT8, np.array([255], np.uint8)),
        (TensorProto.BOOL, np.array([True, False])),
        (TensorProto.STRING, np.array([["état", ""], ["a\nb", "日"]], object)),
    ],
)
def test_every_type_survives_the_journey(
    worker: Worker, runtime: Runtime, elem_type: int, values: np.ndarray[Any, Any]
) -> None:
    handle = worker.load(typed_identity(elem_type), runtime=runtime)
    returned = worker.run(handle, {"x": values})["y"]
    assert returned.dtype == values.dtype
    assert returned.shape == values.shape
    np.testing.assert_array_equal(returned, values)
    worker.unload(handle)


def test_a_value_that_is_no_tensor_is_refused(worker: Worker) -> None:
    handle = worker.load(
        parsed("""<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (seq(float[n]) s) {
        s = SequenceConstruct(x) }""")
    )
    with pytest.raises(RunFailure, match="'s' is a sequence"):
        worker.run(handle, {"x": np.ones(2, np.float32)})


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        (gru_model(hidden_size=3), np.float32),
        (gru_model(), np.float32),
        (gru_model(elem_type=TensorProto.DOUBLE, hidden_size=3), np.float64),
        (gru_model(opset=5, hidden_size=3, output_sequence=1), np.float32),
        (gru_model(opset=1, hidden_size=3, output_sequence=1, direction="foward"), np.float32),
        (gru_model(opset=22, elem_type=TensorProto.BFLOAT16), ml_dtypes.bfloat16),
    ],
)
def test_the_reference_runs_grus_that_onnxruntime_refuses(worker: Worker, model: onnx.ModelProto, dtype: Any) -> None:
    returned = worker.run(worker.load(model, runtime="reference"), gru_feeds(4, 2, dtype))
    native = worker.run(worker.load(gru_model(hidden_size=3)), gru_feeds(4, 2))
    assert returned["Y"].dtype == dtype
    np.testing.assert_allclose(
        returned["Y"].astype(np.float32), native["Y"], atol=0.05 if dtype == ml_dtypes.bfloat16 else 1e-5
    )


def test_the_reference_knows_the_gru_in_functions_and_bodies(worker: Worker) -> None:
    """Onnx's own evaluator falls back to its GRU in functions, which ignores the activations."""
    text = """<ir_version: 8, opset_import: ["": 17, "my": 1]>
    g (float[t, n, 2] X, float[1, 9, 2] W, float[1, 9, 3] R) => (float[t, d, n, h] Y) {
        yes = Constant<value = bool {1}>()
        Y = If(yes) <
            then_branch = a () => (float[t, d, n, h] p) { p = my.Wrap(X, W, R) },
            else_branch = b () => (float[t, d, n, h] q) { q, _h = GRU<hidden_size = 3>(X, W, R) }>
    }
    <domain: "my", opset_import: ["": 17]>
    Wrap (x, w, r) => (y) { y, _h = GRU<hidden_size = 3, activations = ["Relu", "Relu"]>(x, w, r) }"""
    feeds = gru_feeds(3, 2)
    returned = worker.run(worker.load(parsed(text), runtime="reference"), feeds)
    plain = worker.run(worker.load(gru_model(hidden_size=3, activations=["Relu", "Relu"])), feeds)
    np.testing.assert_allclose(returned["Y"], plain["Y"], atol=1e-5)


def test_what_is_not_loaded_ahead_counts_with_its_external_data(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two large models would be held at once if one of them passed for its own bytes."""
    given: list[object] = []
    load = Worker.load

    def noted(it: Worker, model: onnx.ModelProto | bytes, *more: Any) -> int:
        given.append(model)
        return load(it, model, *more)

    monkeypatch.setattr(Worker, "load", noted)
    model = parsed(DOUBLE)
    assert not worker.is_ahead
    with RunningModel(worker, model, None, model.SerializeToString()) as running:
        assert not running.load_ahead()
        assert running.run("onnxruntime", {"x": np.ones(2, np.float32)})["y"].tolist() == [2, 2]
    assert given == [model]


def test_unloading_frees_the_model(worker: Worker) -> None:
    handle = worker.load(parsed(DOUBLE))
    worker.unload(handle)
    worker.unload(handle)
    with pytest.raises(KeyError):
        worker.run(handle, {"x": np.ones(1, np.float32)})


def test_a_model_too_large_to_send_is_a_failure_not_a_traceback(worker: Worker) -> None:
    class TooLarge:
        def SerializeToString(self) -> bytes:
            raise ValueError("Message onnx.ModelProto exceeds maximum protobuf size of 2GB")

    with pytest.raises(RunFailure, match="2GB") as failure:
        worker.load(TooLarge())  # type: ignore[arg-type]
    assert failure.value.kind == "memory"  # which is no difference between two models


def test_a_worker_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with Worker() as broken, pytest.raises(RunFailure, match="cannot be started"):
        broken.load(parsed(DOUBLE))
