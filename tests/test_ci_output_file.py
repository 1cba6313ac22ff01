"""Where a report goes: a file, stdout, or beside a model that goes there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from ci_runs import FORMATS, ROOT, errors_in, folder, out
from gru_lower.cli.main import run
from schemas import held_to_schema
from test_formats import held_to_junit

__all__ = ["folder", "out"]


@pytest.mark.parametrize("form", ["text", *FORMATS])
def test_a_file_takes_the_report(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "models/deep/found.onnx", "--output-format", form]) == 1
    usual = capsys.readouterr().out
    assert run(["check", "models/deep/found.onnx", "--output-format", form, "--output-file", "report"]) == 1
    written = Path("report").read_text(encoding="utf-8")
    said = capsys.readouterr().out
    if form == "junit":
        held_to_junit(written)
    else:
        assert written == usual
    assert ("GL722" in said) is (form != "text"), "the log of a job says what was found, too"
    assert run(["check", "models/deep/broken.onnx", "--output-format", form, "--output-file=report"]) == 2
    assert "GL003" in Path("report").read_text(encoding="utf-8") or form == "sarif"
    assert run(["check", "clean.onnx", "--nonsense", "--output-format", form, "--output-file=report"]) == 2
    assert "nonsense" in Path("report").read_text(encoding="utf-8")
    assert [each.name for each in Path().iterdir() if "tmp" in each.name] == []


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_takes_the_report_on_a_model_whose_name_is_no_text(form: str) -> None:
    Path("m\udcff.onnx").write_bytes(Path("models/deep/found.onnx").read_bytes())
    assert run(["check", "m\udcff.onnx", "--output-format", form, "--output-file", "r\udcfe"]) == 1
    assert "GL722" in Path("r\udcfe").read_text(encoding="utf-8")
    assert run(["lower", "m\udcff.onnx", "--no-verify", "--report", "r\udcfe.html", "--output-format", form]) == 0


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("clean.onnx", "is named like a model"),
        ("new.onnx", "is named like a model"),
        ("models", "is a folder"),
        ("none/report.json", "no such folder"),
        ("cases.npz", "is named for something else"),
    ],
)
def test_a_file_that_takes_no_report(file: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cases.npz").write_bytes(b"mine")
    before = {each: each.read_bytes() for each in Path().rglob("*") if each.is_file()}
    line = ["lower", "clean.onnx", "--inputs", "cases.npz", "--output-format", "json", "--output-file", file]
    assert run(line) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert errors_in("json", said.out) == [("clean.onnx", "GL004")] or errors_in("json", said.out) == [(None, "GL004")]
    assert {each: each.read_bytes() for each in Path().rglob("*") if each.is_file()} == before


def test_a_report_beside_a_model_on_stdout(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "gru_lower", "lower", "-", "--no-verify", "--output-format", "json"]
    model = (tmp_path / "clean.onnx").read_bytes()
    done = subprocess.run(line, input=model, capture_output=True, env=env, check=True)
    onnx.checker.check_model(onnx.ModelProto.FromString(done.stdout))
    assert held_to_schema(done.stderr.decode())["command"] == "lower"
    done = subprocess.run(line, input=model[:40], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert errors_in("json", done.stderr.decode()) == [("-", "GL003")]


def test_weights_through_a_pipe() -> None:
    assert run(["convert", "clean.onnx", "--to", "torch"]) == 0
    line = [sys.executable, "-m", "gru_lower", "convert", "clean.torch.safetensors", "--from", "torch", "-o", "-"]
    done = subprocess.run(line, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    onnx.checker.check_model(onnx.ModelProto.FromString(done.stdout))
