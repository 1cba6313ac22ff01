"""The command line as a person or a script meets it: what is written, what is said and where, and the exit code."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from jsonschema import Draft202012Validator
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.passes.lower_gru.gate_weights import gate_tensors
from gru_lower.passes.lower_gru.lower_gru import LowerGru

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
DIGITS, G2P = FIXTURES / "digits_gru.onnx", FIXTURES / "g2p_encoder.onnx"
VALIDATOR = Draft202012Validator(json.loads((ROOT / "gru_lower/schema/report-1.json").read_text(encoding="utf-8")))
COMMANDS = ("lower", "inspect", "verify", "bench", "legalize", "check", "targets", "probe", "quantize", "stream")
TAKE_A_MODEL = ("lower", "inspect", "verify", "bench", "legalize", "check")
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
        ["-q", "--form", "scan", "--", "model.onnx"],
    ],
)
def test_options_stand_before_or_after_the_model(call: Callable[..., Said], words: list[str]) -> None:
    gru("model.onnx")
    assert call(*words).code == 0
    assert "Scan" in [node.op_type for node in onnx.load("model.lowered.onnx").graph.node]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--verison"], "--version"),
        (["model.onnx", "--fix-dims", "T=1"], "--fix-dim"),
        (["fuse", "model.onnx", "--requir", "1"], "--require"),
        (["check", "--explan", "GL711"], "--explain"),
    ],
)
def test_an_option_that_there_is_not_is_answered_with_the_nearest(
    call: Callable[..., Said], words: list[str], meant: str
) -> None:
    gru("model.onnx")
    said = call(*words)
    assert said.code == 2
    assert said.err.splitlines()[-1] == f"  hint: did you mean {meant}?"


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
        ("nonsense", "commands: lower, fuse, quantize, stream, inspect, verify"),
        ("help", "commands: lower, fuse, quantize, stream, inspect, verify"),
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
        (["lower"], "Missing argument 'MODEL...'"),
        (["verify", "model.onnx"], "Missing argument 'B'"),
        (["model.onnx", "out.onnx"], "name the output with -o"),
        (["inspect", "model.onnx", "out.onnx"], "out.onnx"),
        (["--from", "scan", "model.onnx"], "--form"),
        (["--form", "scam", "model.onnx"], "'scam' is not one of"),
        (["model.onnx", "--cases", "0"], "--cases"),
        (["model.onnx", "--atol", "-1"], "--atol"),
        (["model.onnx", "--output"], "--output"),
        (["inspect", "model.onnx", "--form", "scan"], "--form"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    call: Callable[..., Said], folder: Path, words: list[str], wrong: str
) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    err = call(*words).refused("GL008")
    assert wrong in err
    assert f"did you mean {wrong}?" in err or "--help" in err
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
@pytest.mark.parametrize("command", TAKE_A_MODEL)
def test_a_file_that_is_no_model(
    call: Callable[..., Said], folder: Path, command: str, name: str, content: bytes | None, code: str, hint: str
) -> None:
    gru("model.onnx")
    if content is not None:
        Path(name).write_bytes(content)
    before = snapshot(folder)
    words = {"verify": ["verify", "model.onnx", name], "legalize": ["legalize", name, "--target", "portable"]}
    words.setdefault(command, [command, name])
    err = call(*words[command]).refused(code)
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


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/", "GL002", "a folder, not a model"),
        ("", "GL008", "the name is empty"),  # an environment variable that is not set
        ("saved", "GL002", "a TensorFlow SavedModel folder"),
        ("empty", "GL950", "no .onnx file is in this folder or below"),
    ],
)
def test_a_folder_that_holds_no_models(
    call: Callable[..., Said], folder: Path, path: str, code: str, says: str
) -> None:
    gru("model.onnx")
    Path("empty").mkdir()
    Path("saved").mkdir()
    Path("saved/saved_model.pb").touch()
    before = snapshot(folder)
    assert says in call(path).refused(code)
    assert snapshot(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read(call: Callable[..., Said]) -> None:
    gru("model.onnx").chmod(0)
    assert "cannot be read (Permission denied)" in call("model.onnx").refused("GL001")


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
    expected = gru_lower.lower(gru("model.onnx"), verify=False).held.to_bytes()
    raw = Path("model.onnx").read_bytes()
    Path("model.onnx").unlink()
    said = b""
    for words in (["-"], ["-", "-o", "-"], ["lower", "-", "-o", "-", "--output-format", "json"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert run(words) == 0
        out, said = capfdbinary.readouterr()
        assert out == expected
        assert b"equivalent" in said
    report = json.loads(said)
    VALIDATOR.validate(report)
    assert report["output"]["path"] == "-"
    assert list(folder.iterdir()) == []


def test_stdin_to_a_file_and_a_file_to_stdout(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
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


# -- what is said, and where --------------------------------------------------------------------------------


def test_json_stands_alone_on_stdout(call: Callable[..., Said]) -> None:
    gru("model.onnx")
    said = call("model.onnx", "--output-format", "json", "--cases", "2", "--seed", "5")
    report = said.json
    assert (said.code, said.err) == (0, "")
    assert report["command"] == "lower"
    assert report["output"]["path"] == "model.lowered.onnx"
    assert report["verification"]["status"] == "equivalent"
    assert report["verification"]["drawn"]["kinds"]["plain"] == 2
    inspected = call("inspect", "model.onnx", "--output-format=json").json
    assert inspected["sites"][0]["spec"] == report["sites"][0]["spec"]
    compared = call("verify", "model.onnx", "model.lowered.onnx", "--output-format=json").json
    assert (compared["input"], compared["output"]) == (report["input"], report["output"])


def test_quiet_says_findings_only(call: Callable[..., Said]) -> None:
    gru("model.onnx")
    assert call("model.onnx", "-q") == Said(0, "", "")
    assert call("verify", "model.onnx", "model.lowered.onnx", "-q") == Said(0, "", "")
    said = call("model.onnx", "-q", "--form", "step", "-o", "step.onnx")
    assert said.code == 1
    assert "GL303" in said.out + said.err


@pytest.mark.parametrize("how", ["option", "environment"])
def test_no_color_means_no_escape_codes(call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    gru("model.onnx")
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = call("model.onnx", "--form", "step", "--dry-run")
    assert "\x1b[" in colored.out
    words = ["--no-color"] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("NO_COLOR", "1")
    for form in ("auto", "step"):
        said = call("model.onnx", "--form", form, "--dry-run", *words)
        assert "\x1b" not in said.out + said.err


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
@pytest.mark.parametrize("words", [["missing.onnx"], ["--dry-run", "model.onnx"]])
def test_no_color_holds_on_a_terminal(words: list[str]) -> None:
    gru("model.onnx")
    assert b"\x1b" in on_a_terminal(*words)
    assert b"\x1b" not in on_a_terminal("--no-color", *words)
    assert b"\x1b" not in on_a_terminal(*words, NO_COLOR="1")


def on_a_terminal(*words: str, **environment: str) -> bytes:
    """Run the program with stdout and stderr on a pseudo-terminal and return all it showed."""
    master, slave = os.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | environment
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-m", "gru_lower", *words], stdin=slave, stdout=slave, stderr=slave, env=env
    ) as process:
        os.close(slave)
        try:
            while block := os.read(master, 1 << 16):
                shown += block
        except OSError:  # how Linux says that the other side was closed
            process.wait(timeout=60)
        os.close(master)
    assert b"onnx" in shown
    return shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_stream_that_cannot_spell_everything(encoding: str) -> None:
    # What Python takes for a redirected stdout on Windows, or with LC_ALL=C.
    gru("model.onnx")
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess_run("model.onnx", "--no-verify", env=env)
    assert done.returncode == 0, done.stderr
    assert b"Wrote model.lowered.onnx" in done.stdout


def test_verbatim_names_in_tables(call: Callable[..., Said]) -> None:
    model = onnx.load(gru("model.onnx"))
    model.graph.node[0].output[0] = model.graph.output[0].name = "[red]Y[/red]"
    onnx.save(model, "model.onnx")
    assert "main#0:[red]Y[/red]" in call("inspect", "model.onnx").out


# -- what becomes of the GRUs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "code", "says"),
    [
        ({"clip": -1.0}, "GL106", "clip is -1"),
        ({"clip": 0.0}, "GL106", "clip is 0"),
        ({"activations": ["Sigmoid", "Gelu"]}, "GL104", "'Gelu'"),
        ({"activations": ["Sigmoid"]}, "GL104", "1 activations for 1 direction"),
        ({"hidden_size": 3}, "GL107", "[1, 6, 2]"),
        ({"direction": "sideways"}, "GL103", "sideways"),
        ({"direction": "bidirectional"}, "GL108", "[1, 6, 2]"),
        ({"layout": 2}, "GL110", "2"),
        ({"go_backwards": 1}, "GL102", "go_backwards"),
    ],
)
def test_a_gru_that_breaks_the_rules(
    call: Callable[..., Said], folder: Path, attributes: dict[str, Any], code: str, says: str
) -> None:
    gru("model.onnx", **attributes)
    before = snapshot(folder)
    err = call("model.onnx").refused(code)
    assert "main#0:Y" in err
    assert says in err
    assert snapshot(folder) == before
    seen = call("inspect", "model.onnx")
    assert seen.code == 0
    assert code in seen.out + seen.err


@pytest.mark.parametrize(
    ("words", "made", "code"),
    [
        (["--form", "step"], {}, "GL303"),
        (["--form", "step"], {"T": "T"}, "GL303"),
        (["--form", "unroll"], {"T": "T"}, "GL302"),
        (["--form", "scan"], {"opset": 8}, "GL304"),
        ([], {"opset": 5}, "GL301"),
    ],
)
def test_a_gru_that_cannot_be_lowered_as_asked(
    call: Callable[..., Said], words: list[str], made: dict[str, Any], code: str
) -> None:
    raw = gru("model.onnx", **made).read_bytes()
    said = call("model.onnx", *words)
    assert said.code == 1
    assert code in said.out
    assert f"note {code}: main#0:Y: " in said.err
    assert "  hint: " in said.err
    assert Path("model.lowered.onnx").read_bytes() == raw
    report = call("model.onnx", *words, "--dry-run", "--output-format", "json").json
    assert [(site["action"], site["code"]) for site in report["sites"]] == [("kept", code)]


@pytest.mark.parametrize("verify", ["--verify", "--no-verify"])
def test_a_model_without_gru_is_written_byte_for_byte(call: Callable[..., Said], verify: str) -> None:
    raw = plain("model.onnx").read_bytes()
    assert onnx.load("model.onnx").SerializeToString() != raw
    said = call("model.onnx", verify)
    assert said.code == 0
    assert said.out.count("There is no GRU in this model: it stays as it is, byte for byte.") == 1
    assert Path("model.lowered.onnx").read_bytes() == raw
    assert "There is no GRU in this model" in call("inspect", "model.onnx").out
    dry = call("model.onnx", "--dry-run").out
    assert "Nothing written" in dry
    assert "it is written" not in dry


def test_a_model_without_gru_may_change_all_the_same(call: Callable[..., Said]) -> None:
    raw = plain("model.onnx").read_bytes()
    said = call("model.onnx", "--fix-dim", "n=3")
    assert said.code == 0
    assert "There is no GRU in this model" in said.out
    assert "byte for byte" not in said.out
    assert Path("model.lowered.onnx").read_bytes() != raw


@pytest.mark.parametrize("value", ["n", "n=", "=3", "n=-1", "n=x", "n=²"])
def test_a_dim_that_is_none(call: Callable[..., Said], value: str) -> None:
    plain("model.onnx")
    err = call("model.onnx", "--fix-dim", value).refused("GL008")
    assert repr(value) in err
    assert "batch=1" in err


def test_a_model_without_gru_goes_through_pipes_unchanged() -> None:
    raw = plain("model.onnx").read_bytes()
    done = subprocess_run("-", input=raw)
    assert (done.returncode, done.stdout) == (0, raw)
    assert b"There is no GRU in this model" in done.stderr


# -- verdicts -----------------------------------------------------------------------------------------------


@pytest.fixture
def sabotaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchange the weights of two gates, as a wrong lowering might."""

    def exchanged(*args: Any) -> dict[str, Any]:
        tensors = gate_tensors(*args)
        return tensors | {"Wz": tensors["Wr"], "Wr": tensors["Wz"]}

    monkeypatch.setattr("gru_lower.passes.lower_gru.write_replacement.gate_tensors", exchanged)


@pytest.mark.usefixtures("sabotaged")
def test_a_result_that_differs_is_not_written(call: Callable[..., Said], folder: Path) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    said = call("model.onnx")
    assert said.code == 1
    assert "Verification: different" in said.out
    assert "main#0:Y" in said.out
    assert "Nothing written" in said.out
    assert "--keep-different" in said.out
    assert snapshot(folder) == before
    quiet = call("model.onnx", "-q")
    assert quiet.code == 1
    assert "different" in quiet.out
    report = call("model.onnx", "--output-format", "json").json
    assert report["output"] is None
    assert report["verification"]["status"] == "different"
    assert snapshot(folder) == before


@pytest.mark.usefixtures("sabotaged")
@pytest.mark.parametrize(("words", "name"), [([], "model.different.onnx"), (["-o", "out.onnx"], "out.different.onnx")])
def test_a_result_that_differs_is_kept_if_asked(
    call: Callable[..., Said], folder: Path, words: list[str], name: str
) -> None:
    gru("model.onnx")
    said = call("model.onnx", "--keep-different", *words)
    assert said.code == 1
    assert f"Wrote {name}" in said.out
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "model.onnx"])
    before = snapshot(folder)
    assert name in call("model.onnx", "--keep-different", *words).refused("GL004")
    assert snapshot(folder) == before


@pytest.mark.usefixtures("sabotaged")
def test_nothing_that_differs_goes_down_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    gru("model.onnx")
    assert run(["model.onnx", "-o", "-", "--keep-different"]) == 1
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"different" in err


@pytest.mark.usefixtures("sabotaged")
def test_what_is_not_verified_is_believed(call: Callable[..., Said]) -> None:
    gru("model.onnx")
    said = call("model.onnx", "--no-verify")
    assert said.code == 0
    assert "Verification: not run" in said.out
    assert call("model.onnx", "--no-verify", "--require-verified", "--overwrite").code == 1


def test_two_models_are_compared(call: Callable[..., Said]) -> None:
    gru("a.onnx")
    gru("b.onnx", linear_before_reset=1)
    gru("c.onnx", T=4)
    same, other, alien = (call("verify", "a.onnx", name) for name in ("a.onnx", "b.onnx", "c.onnx"))
    assert (same.code, other.code, alien.code) == (0, 1, 1)
    assert "Verification: equivalent" in same.out
    assert "Verification: different" in other.out
    assert "at Y[" in other.out
    assert "[5, 'N', 3]" in alien.out
    assert "[4, 'N', 3]" in alien.out
    assert (same.err, other.err, alien.err) == ("", "", "")
    assert call("verify", "a.onnx", "b.onnx", "--atol", "10").code == 0


@pytest.mark.parametrize(
    ("model", "output", "hits", "labels"), [(DIGITS, "logits", 353, 360), (G2P, "first_phoneme", 264, 274)]
)
def test_lowering_costs_no_right_answer(
    call: Callable[..., Said], model: Path, output: str, hits: int, labels: int
) -> None:
    words = [model, "--inputs", model.with_suffix(".npz"), "--dry-run"]
    said = call(*words)
    assert said.code == 0
    assert f"accuracy of {output}: {hits / labels:.2%} before, {hits / labels:.2%} after" in said.out
    assert f"({hits} and {hits} of {labels})" in said.out
    for form in ("auto", "scan"):
        report = call(*words, "--form", form, "--output-format", "json").json
        (accuracy,) = report["verification"]["accuracy"]
        expected = {"output": output, "before": hits / labels, "after": hits / labels, "count": labels}
        assert accuracy == expected


# -- options with values of their own -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"Z": np.zeros((5, 1, 3))}, "lacks the input 'X'"),
        ({"X": np.zeros((5, 1, 3)), "Z": np.zeros(1)}, "has no input or output 'Z'"),
        ({"X": np.zeros((5, 1, 3)), "out__Z": np.zeros(1)}, "has no input or output 'Z'"),
    ],
)
def test_inputs_that_are_not_the_models(
    call: Callable[..., Said], folder: Path, arrays: dict[str, Any], says: str
) -> None:
    gru("model.onnx")
    np.savez("given.npz", **arrays)
    before = snapshot(folder)
    err = call("model.onnx", "--inputs", "given.npz").refused("GL009")
    assert f"given.npz: {says}" in err or f"given.npz: the model {says}" in err
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("name", "content"), [("no.npz", None), ("text.npz", b"junk"), ("cut.npz", b"PK\x03\x04junk"), (".", None)]
)
def test_inputs_that_cannot_be_read(call: Callable[..., Said], name: str, content: bytes | None) -> None:
    gru("model.onnx")
    if content is not None:
        Path(name).write_bytes(content)
    assert name in call("model.onnx", "--inputs", name).refused("GL009")
    assert not Path("model.lowered.onnx").exists()


@pytest.mark.parametrize("value", ["X", "X=2x7", "X=2.5,1,3", "=5,1,3", "5,1,3"])
def test_a_shape_that_is_none(call: Callable[..., Said], value: str) -> None:
    gru("model.onnx")
    err = call("model.onnx", "--shape", value).refused("GL008")
    assert repr(value) in err
    assert "X=2,7,64" in err


@pytest.mark.parametrize(("value", "says"), [("Z=5,1,3", "'Z'"), ("X=5,1", "2 dims"), ("X=4,1,3", "axis 0")])
def test_a_shape_that_does_not_fit(call: Callable[..., Said], folder: Path, value: str, says: str) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    said = call("model.onnx", "--shape", value)
    assert said.code == 2
    assert says in said.err
    assert len(said.err.splitlines()) == 2
    assert snapshot(folder) == before


def test_a_shape_is_what_is_compared_on(call: Callable[..., Said]) -> None:
    gru("model.onnx")
    report = call("model.onnx", "--shape", "X=5,1,3", "--output-format", "json").json
    assert report["verification"]["status"] == "equivalent"
    assert report["verification"]["worst"]["index"][2] == 0


@pytest.mark.parametrize(
    "spec", ["lower-gru", "normalize-gru,lower-gru{form=scan}", "lower-gru{form=unroll}", "normalize-gru"]
)
def test_a_pipeline_of_ones_own(call: Callable[..., Said], spec: str) -> None:
    gru("model.onnx")
    assert call("model.onnx", "--passes", spec).code == 0
    assert holds_gru("model.lowered.onnx") == ("lower-gru" not in spec)


@pytest.mark.parametrize(
    ("spec", "says", "hint"),
    [
        ("lowergru", "'lowergru'", "did you mean lower-gru?"),
        ("nothing", "'nothing'", "known passes: "),
        ("", "empty", "known passes: "),
        ("lower-gru{form=scam}", "'scam'", "did you mean scan?"),
        ("lower-gru{form=x}", "'x'", "one of auto, scan"),
        ("lower-gru{forrm=scan}", "'forrm=scan'", "did you mean form?"),
        ("lower-gru{forms=unrol}", "'unrol'", "did you mean unroll?"),
        ("lower-gru{forbid=Splitt}", "'Splitt'", "did you mean Split?"),
        ("lower-gru{size=2}", "'size=2'", "its options: form"),
        ("normalize-gru{form=scan}", "'form=scan'", "its options: none"),
        ("lower-gru{form=scan", "lower-gru{form=scan", 'write it like "normalize-gru,lower-gru{form=scan}"'),
        ("lower-gru;normalize-gru", "lower-gru;normalize-gru", "write it like"),
    ],
)
def test_a_pipeline_that_is_none(call: Callable[..., Said], folder: Path, spec: str, says: str, hint: str) -> None:
    gru("model.onnx")
    before = snapshot(folder)
    err = call("model.onnx", "--passes", spec).refused("GL008")
    assert says in err
    assert hint in err
    assert snapshot(folder) == before


# -- the program itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["-h"], *([name, "--help"] for name in COMMANDS), ["model.onnx", "-h"]])
def test_help(call: Callable[..., Said], words: list[str]) -> None:
    said = call(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: gru-lower")
    assert "-h, --help" in said.out
    if words[0].startswith("-"):
        assert all(re.search(rf"^  {name}  ", said.out, re.MULTILINE) for name in COMMANDS)
        assert "Exit codes: 0" in said.out
    else:
        assert all(option in said.out for option in ("--output-format", "--no-color", "--quiet"))


@pytest.mark.parametrize("words", [["--help"], ["lower", "--help"], ["verify", "--help"], ["inspect", "-h"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess_run(*words, env=env)
    assert done.returncode == 0
    imported = {line.rpartition(b"|")[2].strip().partition(b".")[0] for line in done.stderr.splitlines()}
    assert b"click" in imported
    assert not imported & {b"onnx", b"numpy", b"onnxruntime", b"rich", b"onnx_graphsurgeon", b"google"}


ALWAYS_LEFT = {
    *("onnxruntime", "onnx.reference", "rich.console", "jsonschema", "pygments", "markdown_it", "safetensors"),
    *("numpy.ma", "concurrent.futures", "logging", "multiprocessing", "asyncio"),
}
"""What takes long to load, and no command needs that reads, rewrites or runs a small model for nobody who watches."""
LEFT_TO_REWRITING = {
    *(
        "onnx_graphsurgeon",
        "numpy.random",
        "gru_lower.passes.lower_gru.lower_gru",
        "gru_lower.passes.fuse_gru.fuse_gru",
    ),
    *("gru_lower.passes.fuse_gru.algebra.polynomials", "gru_lower.verification.verify_rewrite"),
    "gru_lower.passes.convert_opset.convert_opset",
}
LEFT = {
    "--version": {"numpy", "onnx", "google", "gru_lower.api", "gru_lower.graph", "subprocess"},
    "inspect digits.onnx": LEFT_TO_REWRITING | {"gru_lower.targets.read_profile", "gru_lower.checking"},
    "check digits.onnx": LEFT_TO_REWRITING | {"gru_lower.passes.stream.stream"},
    "lower digits.onnx": {
        *("gru_lower.targets.read_profile", "gru_lower.passes.fuse_gru", "gru_lower.passes.stream"),
        *("gru_lower.streaming.verify_streamed", "gru_lower.proving", "gru_lower.checking"),
    },
    "fuse digits.onnx": {"onnx_graphsurgeon", "gru_lower.targets.read_profile", "gru_lower.passes.stream"},
    "verify digits.onnx digits.onnx": {"onnx_graphsurgeon", "gru_lower.targets.read_profile"},
}
"""By command, what else it does without."""


@pytest.mark.parametrize("words", LEFT)
def test_a_command_loads_what_it_needs(folder: Path, words: str) -> None:
    shutil.copy(ROOT / "fixtures" / "digits_gru.onnx", folder / "digits.onnx")
    program = "import sys; from gru_lower.cli.main import run; sys.stderr.write('%s' % run()); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stderr.endswith("0") or words == "--version", done.stderr
    assert not (ALWAYS_LEFT | LEFT[words]) & set(done.stdout.splitlines()[-1].split())


def test_version(call: Callable[..., Said]) -> None:
    said = call("--version")
    assert (said.code, said.err) == (0, "")
    gru("model.onnx")
    version = call("inspect", "model.onnx", "--output-format", "json").json["version"]
    lines = said.out.splitlines()
    assert lines[0] == f"gru-lower, version {version}"
    assert lines[2:] == [f"{module.__name__} {module.__version__}" for module in (onnx, onnxruntime, np)]


@pytest.mark.parametrize("kind", [RuntimeError, EOFError])
def test_a_bug_says_that_it_is_one(
    kind: type[Exception], call: Callable[..., Said], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise kind("the invariant is gone")

    gru("model.onnx")
    monkeypatch.setattr(LowerGru, "run", broken)
    before = snapshot(folder)
    said = call("model.onnx")
    assert said.code == 3
    assert said.out == ""
    assert "Traceback (most recent call last)" in said.err
    assert said.err.splitlines()[-2] == f"error GL901: {kind.__name__}: the invariant is gone"
    assert "report it" in said.err.splitlines()[-1]
    assert snapshot(folder) == before


def test_control_c(call: Callable[..., Said], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    gru("model.onnx")
    monkeypatch.setattr(LowerGru, "run", interrupted)
    before = snapshot(folder)
    said = call("model.onnx")
    assert said == Said(130, "", "\ninterrupted\n")
    assert snapshot(folder) == before


def test_the_program_by_itself() -> None:
    gru("model.onnx")
    done = subprocess_run("model.onnx")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Verification: equivalent" in done.stdout
    again = subprocess_run("model.onnx")
    assert (again.returncode, again.stdout) == (2, b"")
    assert again.stderr.startswith(b"error GL004: model.lowered.onnx: already exists")
