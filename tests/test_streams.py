"""stdin, stdout and stderr that are closed, full, or read by nobody any more; signals that ask the program to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import zoo
from gru_lower.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams and signals there are others")

RESULT_IS_TEXT = ["inspect model.onnx", "targets", "--help", "check --explain GL711"]
TEXT_BESIDE = ["check model.onnx", "lower model.onnx -o out.onnx --no-verify"]
FOR_A_PROGRAM = ["inspect model.onnx --output-format json", "check model.onnx --output-format sarif"]
MODEL_ON_STDOUT = ["lower model.onnx --no-verify -o -"]


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a model of one GRU into an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    proto = zoo.gru_model(inputs=["X", "W", "R"], hidden_size=zoo.H)
    for name, width in (("W", zoo.I), ("R", zoo.H)):
        array = rng.uniform(-0.5, 0.5, (1, 3 * zoo.H, width)).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    Path("model.onnx").write_bytes(proto.SerializeToString())


def program(words: str, redirections: str = "") -> subprocess.CompletedProcess[bytes]:
    command = f'exec "{sys.executable}" -m gru_lower {words} {redirections}'
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False, env=env)


def code(words: str, stdout: str) -> tuple[int, bytes]:
    if stdout == "nobody reads":
        reader, writer = os.pipe()
        os.close(reader)
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        line = [sys.executable, "-m", "gru_lower", *words.split()]
        done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False, env=env)
        os.close(writer)
    else:
        done = program(words, {"closed": ">&-", "full": ">/dev/full"}[stdout])
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    return done.returncode, done.stderr


STATES = ["closed", pytest.param("full", marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device"))]


@pytest.mark.parametrize("stdout", [*STATES, "nobody reads"])
@pytest.mark.parametrize("words", FOR_A_PROGRAM + MODEL_ON_STDOUT)
def test_a_result_that_stdout_does_not_take_is_said(words: str, stdout: str) -> None:
    found, said = code(words, stdout)
    assert found == 2
    assert said.startswith(b"error GL004: stdout: ")


@pytest.mark.parametrize("stdout", STATES)
@pytest.mark.parametrize("words", RESULT_IS_TEXT)
def test_a_text_that_is_the_result_and_cannot_be_printed_is_said(words: str, stdout: str) -> None:
    found, said = code(words, stdout)
    assert found == 2
    assert said.startswith(b"error GL004: stdout: ")


@pytest.mark.parametrize("words", RESULT_IS_TEXT)
def test_a_reader_of_a_text_may_leave(words: str) -> None:
    assert code(words, "nobody reads") == (0, b"")


@pytest.mark.parametrize("stdout", [*STATES, "nobody reads"])
@pytest.mark.parametrize("words", TEXT_BESIDE)
def test_a_text_beside_the_result_changes_no_exit_code(words: str, stdout: str) -> None:
    usual = program(words)
    Path("out.onnx").unlink(missing_ok=True)
    assert code(words, stdout) == (usual.returncode, usual.stderr)
    assert "-o" not in words or Path("out.onnx").exists()


def test_errors_that_nobody_hears_keep_their_exit_code() -> None:
    assert program("inspect absent.onnx", "2>&-").returncode == 2
    assert program("inspect absent.onnx", "<&- >&- 2>&-").returncode == 2
    assert program("check model.onnx", "<&- >&- 2>&-").returncode == program("check model.onnx").returncode


def test_a_closed_stdin_has_no_model() -> None:
    done = program("inspect -", "<&-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error GL001: stdin: cannot be read")


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_write_leaves_nothing(tmp_path: Path, asked: signal.Signals) -> None:
    proto = zoo.gru_model(inputs=["X", "W", "R"], hidden_size=zoo.H)
    for name, width in (("W", zoo.I), ("R", zoo.H)):
        array = np.zeros((1, 3 * zoo.H, width), np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    proto.graph.initializer.append(numpy_helper.from_array(np.zeros(20_000_000, np.float32), "much"))
    proto.graph.node.append(helper.make_node("Size", ["much"], ["size"]))
    proto.graph.output.append(helper.make_tensor_value_info("size", TensorProto.INT64, []))
    Path("large.onnx").write_bytes(proto.SerializeToString())
    target = tmp_path / "target"
    target.mkdir()
    words = [sys.executable, "-m", "gru_lower", "large.onnx", "--no-verify", "-o", str(target / "out.onnx")]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env) as process:
        while process.poll() is None and not any(target.iterdir()):
            time.sleep(0.001)
        process.send_signal(asked)
    left = {each.name for each in target.iterdir()}
    assert left in (set(), {"out.onnx"})
    if not left:
        assert process.returncode == (130 if asked == signal.SIGINT else -asked)


def test_what_lies_beside_a_model_sets_nothing(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    Path("model.onnx").rename(theirs / "model.onnx")
    (theirs / "pyproject.toml").write_text("[tool.gru-lower]\noverwrite = true\nverify = false\n")
    Path("out.onnx").write_text("mine")
    done = program("lower theirs/model.onnx -o out.onnx")
    assert (done.returncode, Path("out.onnx").read_text()) == (2, "mine")
    Path("pyproject.toml").write_text('[tool.gru-lower.files."theirs/*".lower]\noverwrite = true\n')
    assert program("lower theirs/model.onnx -o out.onnx --no-verify").returncode == 0
    assert Path("out.onnx").read_bytes() != b"mine"


@pytest.mark.parametrize("text", ["tool = 3", "tool = [1]", "x = " + "[" * 3000, "x = " + "9" * 5000])
def test_an_odd_pyproject_is_one_line_or_none(text: str) -> None:
    Path("pyproject.toml").write_text(text)
    done = program("inspect model.onnx")
    assert done.returncode in (0, 2)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr.startswith(b"error GL013: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device")
def test_a_report_that_cannot_be_written_is_said_beside_what_ended_the_run() -> None:
    done = program("check missing.onnx --output-format json --output-file /dev/full")
    assert done.returncode == 2
    assert b"missing.onnx: no such file" in done.stderr
    assert b"The report is not written" in done.stderr
    done = program("check model.onnx --output-format json --output-file /dev/full")
    assert done.returncode == 2
    assert done.stderr.count(b"No space left on device") == 1


@pytest.mark.parametrize("key", ["output-file", "inputs", "baseline"])
def test_a_pyproject_whose_path_can_be_none_is_one_line(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pyproject.toml").write_text(f'[tool.gru-lower]\n{key} = "\\u0000"\n')
    assert run(["inspect", "model.onnx"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error GL013: ")
    assert said.count("\n") == 2
