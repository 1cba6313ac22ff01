"""The command line as a person or a script meets it: what is written, what is said and where, and the exit code."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from jsonschema import Draft202012Validator
from onnx import helper, numpy_helper

from gru_lower.cli.main import run
from gru_lower.passes import api
from gru_lower.passes.lower import lower_gru

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
DIGITS, G2P = FIXTURES / "digits_gru.onnx", FIXTURES / "g2p_encoder.onnx"
VALIDATOR = Draft202012Validator(json.loads((ROOT / "gru_lower/schema/report-1.json").read_text(encoding="utf-8")))
COMMANDS = ("lower", "inspect", "verify")
PLAIN = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'


@dataclass
class Said:
    """What one run said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The report on stdout, which must hold nothing else, held to the schema."""
        report: dict[str, Any] = json.loads(self.out)
        VALIDATOR.validate(report)
        return report

    def refused(self, code: str) -> str:
        """Check that one line says what is wrong and one what to do, that nothing else is said; return the two."""
        lines = self.err.splitlines()
        assert self.code == 2, self
        assert self.out == ""
        assert len(lines) == 2, self.err
        assert lines[0].startswith(f"error {code}: ")
        assert re.match(r"  hint: \S", lines[1])
        return self.err


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in this process."""

    def do(*args: object) -> Said:
        code = run([str(arg) for arg in args])
        return Said(code, *capsys.readouterr())

    return do


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one, as a user's own, with no wish about colours."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def gru(path: str | Path, *, T: int | str = 5, opset: int = 17, **attributes: Any) -> Path:
    """Write a model of one GRU with I = 3 and H = 2; an attribute of None is left out."""
    rng = np.random.default_rng(7)
    weights = {"W": rng.uniform(-1, 1, (1, 6, 3)), "R": rng.uniform(-1, 1, (1, 6, 2)), "B": rng.uniform(-1, 1, (1, 12))}
    given = {"hidden_size": 2} | attributes
    node = helper.make_node("GRU", ["X", *weights], ["Y"], name="gru", **given)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [T, "N", 3])],
        [helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, [T, 1, "N", 2])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return Path(path)


def plain(path: str | Path) -> Path:
    """Write a model without a GRU, its bytes as no writer would choose them: the graph in front."""
    model = onnx.parser.parse_model(PLAIN)
    graph = onnx.ModelProto(graph=model.graph).SerializeToString()
    model.ClearField("graph")
    Path(path).write_bytes(graph + model.SerializeToString())
    return Path(path)


def holds_gru(path: str | Path) -> bool:
    return any(node.op_type == "GRU" for node in onnx.load(path).graph.node)


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file with its bytes and the time of its last change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def subprocess_run(*args: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m gru_lower`` as a process of its own."""
    options.setdefault("env", os.environ | {"PYTHONPATH": str(ROOT)})
    words = [sys.executable, "-m", "gru_lower", *map(str, args)]
    return subprocess.run(words, capture_output="stdout" not in options, timeout=60, check=False, **options)


# -- which command, which model -----------------------------------------------------------------------------


def test_a_model_alone_is_lowered_beside_itself(call: Callable[..., Said], folder: Path) -> None:
    before = gru("model.onnx").read_bytes()
    said = call("model.onnx")
    assert said.code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["model.lowered.onnx", "model.onnx"]
    assert Path("model.onnx").read_bytes() == before
    assert not holds_gru("model.lowered.onnx")
    assert "main#0:Y" in said.out
    assert "Verification: equivalent" in said.out
    assert "Wrote model.lowered.onnx" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--form", "scan", "model.onnx"],
        ["model.onnx", "--form", "scan"],
        ["lower", "--form=scan", "model.onnx"],
        ["lower", "model.onnx", "--form", "scan"],
        ["--form", "scan", "--", "model.onnx"],
    ],
)
def test_options_stand_before_or_after_the_model(call: Callable[..., Said], words: list[str]) -> None:
    gru("model.onnx")
    assert call("--no-verify", *words).code == 0
    assert "Scan" in [node.op_type for node in onnx.load("model.lowered.onnx").graph.node]


def test_a_file_named_like_a_command_is_reached_by_its_path(call: Callable[..., Said]) -> None:
    for name in COMMANDS:
        gru(name)
        assert call(f"./{name}", "--no-verify").code == 0
        assert not holds_gru(f"{name}.lowered.onnx")
    assert call("inspect", "inspect").out.count("main#0:Y") == 1


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lwer", "did you mean lower?"),
        ("inspekt", "did you mean inspect?"),
        ("verfy", "did you mean verify?"),
        ("model", "did you mean model.onnx?"),
        ("nonsense", "commands: lower, inspect, verify"),
        ("help", "commands: lower, inspect, verify"),
    ],
)
def test_a_word_that_is_neither_command_nor_file(call: Callable[..., Said], word: str, hint: str) -> None:
    gru("model.onnx")
    err = call(word).refused("GL008")
    assert f"'{word}' is neither a command nor a file" in err
    assert hint in err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["lower"], "Missing argument 'MODEL'"),
        (["verify", "model.onnx"], "Missing argument 'B'"),
        (["model.onnx", "out.onnx"], "out.onnx"),
        (["--from", "scan", "model.onnx"], "--form"),
        (["--form", "scam", "model.onnx"], "'scam' is not one of"),
        (["model.onnx", "--cases", "0"], "--cases"),
        (["model.onnx", "--atol", "-1"], "--atol"),
        (["model.onnx", "--output"], "--output"),
        (["inspect", "model.onnx", "--form", "scan"], "--form"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(call: Callable[..., Said], folder: Path, words: list[str], wrong: str) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    err = call(*words).refused("GL008")
    assert wrong in err
    assert "--help" in err
    assert snapshot(folder) == before


def test_no_words_at_all_show_the_help(call: Callable[..., Said]) -> None:
    said = call()
    assert said.code == 2
    assert "Usage: gru-lower" in said.out + said.err
    assert "error" not in said.err


# -- files that are no model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "code", "hint"),
    [
        ("modle.onnx", None, "GL001", "did you mean model.onnx?"),
        ("nowhere/model.onnx", None, "GL001", "the folder nowhere does not exist either"),
        ("text.onnx", b"hello\n", "GL003", "copy or export the file again"),
        ("empty.onnx", b"", "GL002", "copy or export the model again"),
        ("page.onnx", b"<!DOCTYPE html><html></html>", "GL002", "download the file itself"),
        ("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\n", "GL002", "git lfs pull"),
        ("model.pt", b"PK\x03\x04 archive/data.pkl", "GL002", "torch.onnx.export"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "GL002", 'format="onnx"'),
        ("model.tflite", b"\0\0\0\0TFL3", "GL002", "tf2onnx"),
        ("model.onnx.data", b"\0\0\x80?" * 9, "GL002", "name the model itself, model.onnx"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_model(  # noqa: PLR0917 - a table's columns
    call: Callable[..., Said], folder: Path, command: str, name: str, content: bytes | None, code: str, hint: str
) -> None:
    gru("model.onnx")
    if content is not None:
        Path(name).write_bytes(content)
    before = snapshot(folder)
    words = ["verify", "model.onnx", name] if command == "verify" else [command, name]
    err = call(*words).refused(code)
    assert name in err
    assert hint in err
    assert snapshot(folder) == before


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short(call: Callable[..., Said], folder: Path, share: float) -> None:
    raw = DIGITS.read_bytes()
    Path("cut.onnx").write_bytes(raw[: int(len(raw) * share)])
    before = snapshot(folder)
    assert "cut.onnx" in call("cut.onnx").refused("GL003")
    assert snapshot(folder) == before


@pytest.mark.parametrize("path", [".", "/", "sub", ""])
def test_a_folder_is_no_model(call: Callable[..., Said], path: str) -> None:
    Path("sub").mkdir()
    gru("sub/model.onnx")
    err = call(path).refused("GL002")
    assert "a folder, not a model" in err
    assert path != "sub" or "sub/model.onnx" in err


# -- where the result goes ----------------------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(call: Callable[..., Said], folder: Path) -> None:
    gru("model.onnx")
    Path("model.lowered.onnx").write_bytes(b"mine")
    before = snapshot(folder)
    assert "--overwrite" in call("model.onnx").refused("GL004")
    assert snapshot(folder) == before
    assert call("model.onnx", "--overwrite", "--no-verify").code == 0
    assert not holds_gru("model.lowered.onnx")


def test_the_input_is_overwritten_only_if_asked(call: Callable[..., Said], folder: Path) -> None:
    gru("model.onnx")
    Path("link.onnx").symlink_to("model.onnx")
    before = snapshot(folder)
    for name in ("model.onnx", "./model.onnx", "link.onnx"):
        err = call("model.onnx", "-o", name).refused("GL004")
        assert "is the input itself" in err
        assert "--overwrite" in err
    assert snapshot(folder) == before
    assert call("model.onnx", "-o", "model.onnx", "--overwrite", "--no-verify").code == 0
    assert not holds_gru("model.onnx")


@pytest.mark.parametrize(("output", "hint"), [("nowhere/out.onnx", "create it"), (".", "name a file with -o")])
def test_an_output_that_cannot_be(call: Callable[..., Said], folder: Path, output: str, hint: str) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    assert hint in call("model.onnx", "-o", output).refused("GL004")
    assert snapshot(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_must_not_be_written(call: Callable[..., Said]) -> None:
    gru("model.onnx")
    Path("locked").mkdir(mode=0o555)
    assert "locked" in call("model.onnx", "-o", "locked/out.onnx", "--no-verify").refused("GL004")
    assert list(Path("locked").iterdir()) == []


def test_dry_run_writes_nothing(call: Callable[..., Said], folder: Path) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    said = call("model.onnx", "--dry-run")
    assert said.code == 0
    assert "Verification: equivalent" in said.out
    assert "Nothing written" in said.out
    assert "Wrote" not in said.out
    assert snapshot(folder) == before


def test_a_model_through_pipes(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    expected = api.lower(gru("model.onnx"), verify=False).held.to_bytes()
    raw = Path("model.onnx").read_bytes()
    Path("model.onnx").unlink()
    for words in (["-"], ["-", "-o", "-"], ["lower", "-", "-o", "-", "--output-format", "json"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert run(words) == 0
        out, err = capfdbinary.readouterr()
        assert out == expected
        assert b"equivalent" in err
    report = json.loads(err)
    VALIDATOR.validate(report)
    assert report["output"]["path"] == "-"
    assert list(folder.iterdir()) == []


def test_stdin_to_a_file_and_a_file_to_stdout(
    call: Callable[..., Said], capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = gru("model.onnx").read_bytes()
    assert run(["model.onnx", "-o", "-", "--no-verify", "-q"]) == 0
    out, err = capfdbinary.readouterr()
    assert err == b""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert run(["-", "-o", "out.onnx", "--no-verify"]) == 0
    assert Path("out.onnx").read_bytes() == out
    for command in ("lower", "inspect"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        assert run([command, "-"]) == 2
    assert capfdbinary.readouterr().err.count(b"error GL002: the input: the file is empty") == 2
    assert not Path("-").exists()
