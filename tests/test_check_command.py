"""``gru-lower check`` as people and hooks run it: what is written and what is not, codes, exit codes, configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from gru_lower.checking.rules import gl722_hidden_size
from gru_lower.cli.main import run
from gru_lower.diagnostic_codes import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

Said = tuple[int, str, str]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in an empty folder; return the exit code and what was said."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def do(*words: object) -> Said:
        capsys.readouterr()
        code = run([str(word) for word in words])
        return code, *capsys.readouterr()

    return do


def gru(path: str, *, drop: str = "hidden_size", external: bool = False, **given: Any) -> Path:
    """Write a model of one GRU without one of its attributes, with what is given besides."""
    rng = np.random.default_rng(1)
    arrays = {"W": rng.normal(size=(1, 6, 3)), "R": rng.normal(size=(1, 6, 2))}
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()]
    held = {"hidden_size": 2, "linear_before_reset": 1} | given
    held.pop(drop, None)
    layout = held.get("layout", 0)
    dims: tuple[list[int | str], ...] = (["N", 5, 3], ["N", 5, 1, 2]) if layout else ([5, "N", 3], [5, 1, "N", 2])
    ends = [helper.make_tensor_value_info(name, 1, each) for name, each in zip("XY", dims, strict=True)]
    graph = helper.make_graph(
        [helper.make_node("GRU", ["X", "W", "R"], ["Y"], **held)], "g", ends[:1], ends[1:], tensors
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path, save_as_external_data=external, location=f"{Path(path).name}.data", size_threshold=0)
    return Path(path)


def hidden_size(path: str | Path) -> int | None:
    node = onnx.load(path).graph.node[0]
    return next((each.i for each in node.attribute if each.name == "hidden_size"), None)


def listed() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


# Fixing


def test_looking_writes_nothing(call: Callable[..., Said]) -> None:
    path = gru("m.onnx")
    before = path.read_bytes()
    code, out, _ = call("check", path)
    assert (code, path.read_bytes()) == (1, before)
    assert listed() == ["m.onnx"]
    assert out.splitlines()[-1] == "1 finding, 1 fixable with --fix."


def test_fixing_writes_beside_the_model_and_never_over_it(call: Callable[..., Said]) -> None:
    path = gru("m.onnx")
    before = path.read_bytes()
    code, out, _ = call("check", path, "--fix")
    assert (code, path.read_bytes(), hidden_size("m.fixed.onnx")) == (0, before, 2)
    assert "fixed GL722: main#0:Y: hidden_size = 2 written" in out
    assert "Verification: equivalent" in out
    assert out.splitlines()[-2:] == ["Wrote m.fixed.onnx", "1 fixed, nothing left."]
    code, _, err = call("check", path, "--fix")
    assert (code, "error GL004: m.fixed.onnx" in err) == (2, True)
    assert call("check", path, "--fix", "--overwrite")[0] == 0
    assert call("check", path, "--fix", "-o", path)[0] == 2


@pytest.mark.parametrize("external", [False, True])
def test_fixing_in_place(*, external: bool, call: Callable[..., Said]) -> None:
    paths = [gru("a.onnx", external=external), gru("b.onnx", drop="", external=external), gru("c.onnx", layout=1)]
    untouched = paths[1].read_bytes()
    code, out, _ = call("check", *paths, "--fix", "--in-place")
    assert code == 0, out
    assert (hidden_size("a.onnx"), paths[1].read_bytes()) == (2, untouched)
    assert listed() == sorted(["a.onnx", "b.onnx", "c.onnx", *(["a.onnx.data", "b.onnx.data"] if external else [])])
    assert call("check", *paths)[0] == 0
    for path in paths:
        onnx.checker.check_model(str(path), full_check=True)


def test_unsafe_fixes_are_made_when_they_are_asked_for(call: Callable[..., Said]) -> None:
    path = gru("m.onnx", clip=-1.0)
    code, out, _ = call("check", path)
    assert (code, out.splitlines()[-1]) == (1, "1 finding, 1 fixable with --fix --unsafe-fixes.")
    code, out, _ = call("check", path, "--fix", "-q")
    assert (code, Path("m.fixed.onnx").exists()) == (1, False)
    code, out, _ = call("check", path, "--fix", "--unsafe-fixes")
    assert code == 0
    assert "fixed GL106" in out
    assert "fixed GL722" in out
    assert "GL106" in next(line for line in out.splitlines() if "on purpose" in line)


def test_a_dry_run_counts_nothing_as_fixed(call: Callable[..., Said]) -> None:
    path = gru("m.onnx")
    code, out, _ = call("check", path, "--fix", "--dry-run")
    assert (code, listed()) == (1, ["m.onnx"])
    assert "Nothing written." in out
    assert out.splitlines()[-1] == "1 finding, 1 fixable with --fix."


def test_what_turns_out_different_is_not_written(call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_gru: Any, node: onnx.NodeProto) -> None:
        node.attribute.append(helper.make_attribute("hidden_size", 2))
        next(each for each in node.attribute if each.name == "linear_before_reset").i = 0

    monkeypatch.setattr(gl722_hidden_size, "_write_hidden_size", wrong)
    path = gru("m.onnx")
    before = path.read_bytes()
    code, out, _ = call("check", path, "--fix", "--in-place")
    assert (code, path.read_bytes(), listed()) == (1, before, ["m.onnx"])
    assert "Verification: different" in out
    assert "Nothing written: the result differs; see --keep-different." in out
    assert call("check", path, "--fix", "--keep-different")[0] == 1
    assert listed() == ["m.different.onnx", "m.onnx"]


def test_a_disk_that_fails_leaves_the_model_whole(call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    path = gru("m.onnx")
    before = path.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    monkeypatch.setattr(Path, "replace", fails)
    code, _, err = call("check", path, "--fix", "--in-place")
    assert (code, path.read_bytes(), listed()) == (2, before, ["m.onnx"])
    assert "No space left" in err


def test_one_model_that_cannot_be_read_does_not_keep_others_from_being_mended(call: Callable[..., Said]) -> None:
    path = gru("m.onnx")
    Path("broken.onnx").write_bytes(b"\xff")
    code, out, err = call("check", "broken.onnx", path, "--fix", "--in-place")
    assert (code, hidden_size(path), Path("broken.onnx").read_bytes()) == (2, 2, b"\xff")
    assert "error GL003: broken.onnx" in err
    assert "fixed GL722" in out


def test_a_model_comes_and_goes_through_a_pipe(tmp_path: Path) -> None:
    path = gru(str(tmp_path / "m.onnx"))
    words = [sys.executable, "-m", "gru_lower", "check", "-", "--fix"]
    done = subprocess.run(words, input=path.read_bytes(), capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "out.onnx").write_bytes(done.stdout)
    assert hidden_size(tmp_path / "out.onnx") == 2
    assert b"fixed GL722" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--overwrite"], "--overwrite without --fix"),
        (["-o", "x.onnx"], "--output without --fix"),
        (["--in-place"], "--in-place without --fix"),
        (["--fix", "--in-place", "-o", "x.onnx"], "--output and --in-place exclude each other"),
        (["other.onnx", "--fix", "-o", "x.onnx"], "-o names one file"),
        (["--select", "GL9999"], "there is no code 'GL9999'"),
        (["--ignore", "GL71x"], "there is no code 'GL71X'"),
        (["--output-format", "xml"], "'xml' is not one of"),
        (["--target", "nothing"], "there is no target 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], says: str, call: Callable[..., Said]) -> None:
    path = gru("m.onnx")
    gru("other.onnx")
    code, out, err = call("check", path, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 2
    assert listed() == ["m.onnx", "other.onnx"]


# Codes


def test_codes_are_selected_and_ignored(call: Callable[..., Said]) -> None:
    path = gru("m.onnx", layout=1)
    for words, found in (
        ((), ["GL722", "GL721"]),
        (("--select", "gl722"), ["GL722"]),
        (("--select", "GL722,GL721"), ["GL722", "GL721"]),
        (("--select", "GL7", "--ignore", "GL722"), ["GL721"]),
        (("--ignore", "GL7"), []),
    ):
        code, out, _ = call("check", path, "-q", *words)
        assert [line.split()[1].strip(":") for line in out.splitlines() if line.startswith("warning")] == found
        assert code == int(bool(found))


def test_only_selected_codes_are_mended(call: Callable[..., Said]) -> None:
    assert call("check", gru("m.onnx", layout=1), "--fix", "--select", "GL722")[0] == 0
    code, out, _ = call("check", "m.fixed.onnx", "-q")
    assert (code, "GL722" in out, "GL721" in out) == (1, False, True)


@pytest.mark.parametrize("code", ["GL711", "gl722", "GL001"])
def test_a_code_is_explained_by_its_page(code: str, call: Callable[..., Said]) -> None:
    exit_code, out, err = call("check", "--explain", code)
    assert (exit_code, err) == (0, "")
    page = Path(__file__).resolve().parents[1] / "docs" / "diagnostics" / f"{code.upper()}.md"
    assert out == page.read_text(encoding="utf-8")


def test_every_code_can_be_explained(call: Callable[..., Said]) -> None:
    assert all(call("check", "--explain", code)[0] == 0 for code in CODES)
    code, _, err = call("check", "--explain", "GL9")
    assert (code, len(err.splitlines())) == (2, 2)


# Configuration


def configure(text: str, path: str = "pyproject.toml") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def test_codes_are_ignored_by_file(call: Callable[..., Said]) -> None:
    configure("""
[tool.gru-lower.files."old/*.onnx"]
ignore = ["GL722"]
[tool.gru-lower.files."third.onnx".check]
ignore = ["GL721", "GL722"]
""")
    paths = [gru("new/m.onnx", layout=1), gru("old/m.onnx", layout=1), gru("deep/third.onnx", layout=1)]
    code, out, _ = call("check", *paths, "-q", "--output-format", "github")
    assert code == 1
    assert [line.split(",")[0] + line.split("gru-lower")[1][:6] for line in out.splitlines()] == [
        "::warning file=new/m.onnx GL722",
        "::warning file=new/m.onnx GL721",
        "::warning file=old/m.onnx GL721",
    ]
    assert call("check", paths[1], "--ignore", "GL721")[0] == 0, "codes to ignore add up"
    assert call("check", paths[2])[0] == 0


def test_settings_of_all_commands_of_one_and_of_files(call: Callable[..., Said]) -> None:
    configure("""
[tool.gru-lower]
quiet = true
ignore = ["GL722"]
cases = 2
[tool.gru-lower.check]
exit-zero = true
[tool.gru-lower.lower]
form = "scan"
[tool.gru-lower.files."mine.onnx".lower]
form = "unroll"
""")
    code, out, _ = call("check", gru("m.onnx", drop="", layout=1))
    assert (code, out.splitlines()[0][:13]) == (0, "warning GL721")
    assert call("lower", gru("mine.onnx", drop=""))[0] == 0
    assert call("lower", gru("yours.onnx", drop=""))[0] == 0
    assert all(node.op_type != "Scan" for node in onnx.load("mine.lowered.onnx").graph.node)
    assert any(node.op_type == "Scan" for node in onnx.load("yours.lowered.onnx").graph.node)
    assert call("lower", "mine.onnx", "--form", "scan", "--overwrite")[0] == 0
    assert any(node.op_type == "Scan" for node in onnx.load("mine.lowered.onnx").graph.node)


def test_the_nearest_configuration_around_the_current_folder_counts(
    call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[tool.gru-lower]\nignore = ["GL722"]\n')
    configure("[project]\nname = 'another'\n", "inner/pyproject.toml")
    configure("[tool.gru-lower]\n", "own/pyproject.toml")
    assert call("check", gru("inner/m.onnx"))[0] == 0
    assert call("check", gru("own/m.onnx"))[0] == 0
    assert call("check", "inner/m.onnx", "--config", "own/pyproject.toml")[0] == 1
    configure('[tool.gru-lower.files."inner/*"]\nignore = ["GL722"]\n', "named.toml")
    assert call("check", "inner/m.onnx", "own/m.onnx", "--config", "named.toml")[0] == 1
    assert call("check", "inner/m.onnx", "--config", "named.toml")[0] == 0
    monkeypatch.chdir("inner")
    assert call("check", "m.onnx")[0] == 0
    monkeypatch.chdir("../own")
    assert call("check", "m.onnx")[0] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rtoll = 1", "[tool.gru-lower]: unknown key 'rtoll'"),
        ("cases = 0", "cases: 0 is not in the range"),
        ('cases = "many"', "cases: 'many' is not a valid integer"),
        ("seed = true", "seed cannot be true"),
        ('quiet = "yes"', "quiet has to be true or false"),
        ('output-format = "xml"', "output-format: 'xml' is not one of"),
        ("ignore = 3", "ignore has to be a list of texts"),
        ('ignore = ["GL9999"]', "ignore: there is no code 'GL9999'"),
        ("[tool.gru-lower.chek]", "unknown key 'chek'"),
        ("[tool.gru-lower.check]\nform = 'scan'", "[tool.gru-lower.check]: unknown key 'form'"),
        ("files = 3", "[tool.gru-lower.files]: has to hold tables"),
        ('[tool.gru-lower.files]\n"*.onnx" = 3', 'files."*.onnx"]: has to be a table'),
        ('[tool.gru-lower.files."*.onnx"]\nignor = ["GL7"]', "unknown key 'ignor'"),
        ("output = 'x.onnx'", "unknown key 'output'"),
        ("quiet = ", "is no TOML"),
    ],
)
@pytest.mark.parametrize("words", [("check", "m.onnx"), ("lower", "m.onnx"), ("m.onnx",), ("inspect", "m.onnx")])
def test_bad_configuration_is_one_clear_line(
    words: tuple[str, ...], text: str, says: str, call: Callable[..., Said]
) -> None:
    gru("m.onnx")
    configure(f"[tool.gru-lower]\n{text}\n")
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    first, hint = err.splitlines()
    assert first.startswith("error GL013: ")
    assert "pyproject.toml: " in first
    assert says in first
    assert hint.startswith("  hint: ")


def test_help_and_explanations_need_no_configuration(call: Callable[..., Said]) -> None:
    configure("[tool.gru-lower]\nnonsense = 1\n")
    assert call("check", "--help")[0] == 0
    assert call("check", "--explain", "GL711")[0] == 0


@pytest.mark.parametrize(
    ("name", "says"), [("missing.toml", "cannot be read"), ("empty.toml", "has no [tool.gru-lower]")]
)
def test_a_configuration_that_is_named_has_to_be_there(name: str, says: str, call: Callable[..., Said]) -> None:
    Path("empty.toml").touch()
    code, _, err = call("check", gru("m.onnx"), "--config", name)
    assert (code, says in err) == (2, True)


# The library


def test_rules_that_never_end_are_ended(call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []

    def nothing(_gru: Any, _node: onnx.NodeProto) -> None:
        rounds.append(1)

    monkeypatch.setattr(gl722_hidden_size, "_write_hidden_size", nothing)
    code, _, _ = call("check", gru("m.onnx"), "--fix", "--no-verify")
    assert (code, len(rounds)) == (1, 10)
