"""What CI reads is well-formed and says what happened, however a run of whatever command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import onnx
import pytest

from gru_lower.batching.batch import Batch
from gru_lower.cli import parse_values
from gru_lower.cli.command_group import Commands
from gru_lower.cli.main import run
from gru_lower.probing import probe
from gru_lower.targets import read_profile
from schemas import held_to_schema
from test_formats import CLEAN, FOUND, held_to_github, held_to_junit, held_to_sarif

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ("json", "junit", "sarif", "github")
QUICK = ("--no-verify", "--overwrite")
WORDS: dict[str, tuple[str, ...]] = {
    "lower": ("{}", *QUICK),
    "fuse": ("{}", *QUICK),
    "legalize": ("{}", "--target", "tract", *QUICK),
    "quantize": ("{}", "--weights-only", *QUICK),
    "stream": ("{}", *QUICK),
    "inspect": ("{}",),
    "check": ("{}",),
    "verify": ("{}", "clean.onnx", "--cases", "1", "--search", "0"),
    "bench": ("{}", "--runs", "1"),
    "convert": ("{}", "--to", "torch", "--overwrite"),
    "batch": ("{}", "--do", "check", "--cluster", "none"),
    "targets": ("{}",),
    "probe": ("--runner", "true {} {model} {inputs} {outputs}", "-o", "p.toml"),
}
READ_MODELS = [name for name in WORDS if name not in ("targets", "probe")]
ONE_BY_ONE = [name for name in READ_MODELS if name not in ("verify", "batch")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models of which one is clean, one has a finding, and one cannot be read; it is the current one."""
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.parser.parse_model(CLEAN), "clean.onnx")
    Path("models/deep").mkdir(parents=True)
    onnx.save(onnx.parser.parse_model(CLEAN), "models/a.onnx")
    onnx.save(onnx.parser.parse_model(FOUND), "models/deep/found.onnx")
    Path("models/deep/broken.onnx").write_bytes(b"\xff\xff nothing")
    return tmp_path


def words(name: str, *models: str, form: str) -> list[str]:
    line = [each for word in WORDS[name] for each in (models if word == "{}" else (word,))]
    return [name, *line, "--output-format", form]


def errors_in(form: str, text: str) -> list[tuple[str | None, str]]:
    """Return the path and the code of each error in a document, which is valid by the rules of its format."""
    assert text
    if form == "json":
        document = held_to_schema(text)
        if document.get("command") == "batch":
            said = [(each["model"], each["error"]) for each in document["outcomes"] if each["error"]]
            said += [(None, document["error"])] if "error" in document else []
            return [(path, error["code"]) for path, error in said]
        return [(each["path"], each["code"]) for each in document.get("errors", [])]
    if form == "junit":
        suites = held_to_junit(text)
        return [
            (suite.get("name"), error.get("type") or "")
            for suite in suites
            for error in suite.findall("testcase/error")
            if error.text
        ]
    if form == "sarif":
        (log,) = held_to_sarif(text)["runs"]
        said = log["invocations"][0].get("toolExecutionNotifications", [])
        assert log["invocations"][0]["executionSuccessful"] is not bool(said)
        return [(_uri(each), each["message"]["text"]) for each in said]
    return [(file or None, title) for kind, file, title, _ in held_to_github(text) if kind == "error"]


def _uri(told: dict[str, Any]) -> str | None:
    places = told.get("locations")
    return places[0]["physicalLocation"]["artifactLocation"]["uri"] if places else None


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().out


def test_every_command_is_here() -> None:
    assert WORDS.keys() == Commands.modules.keys()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", WORDS)
def test_a_wrong_option(name: str, form: str, out: Callable[[], str]) -> None:
    assert run([*words(name, "clean.onnx", form=form), "--no-such-option"]) == 2
    ((path, said),) = errors_in(form, out())
    assert path in (None, f"gru-lower {name}")
    assert "GL008" in said or "no-such-option" in said


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("line", [["lower"], ["nonsense"], ["check", "m.onnx", "--output-file"], ["batch", "x"]])
def test_words_that_make_no_command(line: list[str], form: str, out: Callable[[], str]) -> None:
    assert run(["--output-format", form, *line] if line == ["nonsense"] else [*line, "--output-format", form]) == 2
    assert len(errors_in(form, out())) == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", ["models/deep/broken.onnx", "missing.onnx", "models/none/*.onnx"])
@pytest.mark.parametrize("name", READ_MODELS)
def test_a_model_that_cannot_be_read(name: str, model: str, form: str, out: Callable[[], str]) -> None:
    code = run(words(name, model, form=form))
    assert code == (1 if name == "batch" and "broken" in model else 2)
    ((path, said),) = errors_in(form, out())
    if "*" not in model and not (name == "batch" and "missing" in model):
        assert path == model
    assert any(each in said for each in ("GL001", "GL003", "GL950", "no such", "not a readable"))


FAULTS: dict[str, tuple[object, str]] = {
    **dict.fromkeys(READ_MODELS, (parse_values, "read_model")),
    "batch": (Batch, "__iter__"),
    "targets": (read_profile, "load"),
    "probe": (probe, "probe"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError, OSError])
@pytest.mark.parametrize("name", WORDS)
def test_what_ends_a_run_in_the_middle(
    name: str, fault: type[BaseException], form: str, out: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise fault(28, "said")

    monkeypatch.setattr(*FAULTS[name], fails)
    code = run(words(name, "clean.onnx", form=form))
    assert code == {KeyboardInterrupt: 130, RuntimeError: 3, OSError: 2}[fault]
    ((path, said),) = errors_in(form, out())
    assert path in (None, "clean.onnx", f"gru-lower {name}")
    assert any(each in said for each in ("GL975", "GL901", "GL004", "interrupted", "RuntimeError", "said"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", READ_MODELS)
def test_a_run_that_goes_well(name: str, form: str, out: Callable[[], str]) -> None:
    assert run(words(name, "clean.onnx", form=form)) == 0
    text = out()
    assert (form == "github" and not text) or not errors_in(form, text)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("models", [("models",), ("models/**/*.onnx",), ("models/a.onnx", "models/deep")])
@pytest.mark.parametrize("name", ["lower", "inspect", "check", "batch"])
def test_one_bad_model_of_several_costs_the_others_nothing(
    name: str, models: tuple[str, ...], form: str, out: Callable[[], str]
) -> None:
    code = run(words(name, *models, form=form))
    assert code == (1 if name == "batch" else 2)
    text = out()
    found = errors_in(form, text)
    assert [path for path, _ in found if path and "broken" in path] == ["models/deep/broken.onnx"]
    for each in ("models/a.onnx", "models/deep/found.onnx") if form != "github" else ():
        assert each in text


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_folder_is_read_by_every_command(name: str, out: Callable[[], str]) -> None:
    Path("models/deep/broken.onnx").unlink()
    onnx.save(onnx.parser.parse_model(CLEAN), "models/deep/found.onnx")
    assert run(words(name, "models", form="json")) == 0
    document = held_to_schema(out())
    assert len(document["reports"]) == 2
    assert run(words(name, "models/deep", form="json")) == 0
    assert len(held_to_schema(out())["reports"]) == 1, "a folder of one model is spelled as one of many"
    assert run(words(name, ".", form="junit")) == 0
    held_to_junit(out())
    after = sorted(Path().rglob("*"))
    assert run(words(name, "models", form="junit")) == 0
    assert [suite.get("name") for suite in held_to_junit(out())][:1] == ["models/a.onnx"]
    assert sorted(Path().rglob("*")) == after, "what was written is no model of a second run"


def test_a_text_for_people_is_by_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "models"]) == 2
    said = capsys.readouterr()
    assert "models/deep/found.onnx\n" in said.out
    assert "error GL003: models/deep/broken.onnx" in said.err
    assert run(["lower", "models", "--no-verify"]) == 2
    said = capsys.readouterr()
    assert "Wrote models/deep/found.lowered.onnx" in said.out
    assert "3 models, 1 of them with an error." in said.out


# -- folders ------------------------------------------------------------------------------------------------


def test_results_of_a_folder_go_below_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lower", "models", "-o", "out", "--no-verify"]) == 2
    assert sorted(map(str, Path("out").rglob("*.onnx"))) == ["out/a.onnx", "out/deep/found.onnx"]
    assert run(["lower", "models/**/*.onnx", "clean.onnx", "-o", "other", "--no-verify"]) == 2
    assert len([*Path("other").rglob("*.onnx")]) == 3
    capsys.readouterr()
    assert run(["lower", "models", "-o", "one.onnx"]) == 2
    assert "-o names one file" in capsys.readouterr().err
    assert run(["lower", "models/a.onnx", "models/deep/../a.onnx", "clean.onnx", "-o", "models"]) == 2
    assert "GL951" in capsys.readouterr().err


def test_a_folder_is_searched_for_what_is_somebodys_own(tmp_path: Path, out: Callable[[], str]) -> None:
    Path("models/deep/broken.onnx").unlink()
    clean = Path("clean.onnx").read_bytes()
    for foreign in (".git/a.onnx", "venv/lib/a.onnx", "node_modules/b/a.onnx", "models/.hidden.onnx", "x.onnx.data"):
        Path(foreign).parent.mkdir(parents=True, exist_ok=True)
        Path(foreign).write_bytes(clean)
    Path("venv/pyvenv.cfg").touch()
    Path("UPPER.ONNX").write_bytes(clean)
    Path("round").symlink_to(tmp_path, target_is_directory=True)
    Path("gone.onnx").symlink_to("nowhere.onnx")
    Path("folder.onnx").mkdir()
    run(["check", ".", "--output-format", "json"])
    found = [each["input"]["path"] for each in held_to_schema(out())["reports"]]
    assert found == ["UPPER.ONNX", "clean.onnx", "models/a.onnx", "models/deep/found.onnx"]
    run(["check", "venv", "--output-format", "json"])
    assert len(held_to_schema(out())["reports"]) == 1


def test_a_file_with_a_patterns_name_is_meant_by_itself(out: Callable[[], str]) -> None:
    Path("a[1].onnx").write_bytes(Path("clean.onnx").read_bytes())
    Path("a1.onnx").write_bytes(Path("clean.onnx").read_bytes())
    assert run(["check", "a[1].onnx", "--output-format", "json"]) == 0
    assert held_to_schema(out())["input"]["path"] == "a[1].onnx"


def test_pairs_of_two_folders(out: Callable[[], str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("models/deep/broken.onnx").unlink()
    onnx.save(onnx.parser.parse_model(CLEAN), "models/deep/found.onnx")
    assert run(["lower", "models", "-o", "lowered", "--no-verify"]) == 0
    out()
    line = ["--cases", "1", "--search", "0", "--output-format", "json"]
    assert run(["verify", "models", "lowered", *line]) == 0
    assert len(held_to_schema(out())["reports"]) == 2
    Path("lowered/a.onnx").unlink()
    assert run(["verify", "models/**/*.onnx", "lowered", *line]) == 2
    document = held_to_schema(out())
    assert [each["path"] for each in document["errors"]] == ["models/a.onnx"]
    assert "lowered/a.onnx: no such file" in document["errors"][0]["message"]
    assert run(["verify", "models", "clean.onnx"]) == 2
    assert "stands for several models" in capsys.readouterr().err
    assert run(["verify", "models", "lowered", "--reduce", "one"]) == 2
    assert run(["bench", "models/deep", "lowered/deep", "--runs", "1", "--output-format", "json"]) == 0
    assert [each["command"] for each in held_to_schema(out())["reports"]] == ["bench"]


def test_what_the_configuration_says_of_one_model_of_several(out: Callable[[], str]) -> None:
    Path("pyproject.toml").write_text(
        '[tool.gru-lower.files."models/deep/*".lower]\nform = "loop"\n[tool.gru-lower.lower]\nverify = false\n'
    )
    Path("models/deep/broken.onnx").unlink()
    assert run(["lower", "models", "--output-format", "json"]) == 0
    reports = held_to_schema(out())["reports"]
    assert [each["sites"][0]["form"] for each in reports] == ["unroll", "loop"]
    assert [each["verification"]["status"] for each in reports] == ["not_run"] * 2


# -- where it goes ------------------------------------------------------------------------------------------


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


# -- what it says -------------------------------------------------------------------------------------------


def test_junit_says_how_long_it_took(out: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[float] = iter(float(each) for each in range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    run(["check", "models/a.onnx", "models/deep/found.onnx", "--output-format", "junit"])
    root = held_to_junit(out())
    spent = [float(suite.get("time", "0")) for suite in root]
    assert all(each >= 1 for each in spent)
    assert float(root.get("time", "0")) == sum(spent)
    for suite, seconds in zip(root, spent, strict=True):
        assert sum(float(case.get("time", "0")) for case in suite.findall("testcase")) == seconds


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("lower", "open.onnx", "--form", "unroll", "--no-verify"), "GL302"),
        (("fuse", "clean.onnx", "--require", "1", "--no-verify"), "GL"),
        (("verify", "clean.onnx", "other.onnx"), "differ"),
        (("lower", "clean.onnx", "--require-verified", "--no-verify"), "verif"),
    ],
)
def test_what_exits_with_1_is_said(line: tuple[str, ...], says: str, form: str, out: Callable[[], str]) -> None:
    onnx.save(onnx.parser.parse_model(CLEAN.replace("[5, N", "[T, N").replace("[5, 1", "[T, 1")), "open.onnx")
    onnx.save(onnx.parser.parse_model(CLEAN.replace("{1, 2, 3}", "{1, 2, 4}")), "other.onnx")
    assert run([*line, "--output-format", form]) == 1
    text = out()
    if form == "json":
        held_to_schema(text)
        return
    if form == "junit":
        root = held_to_junit(text)
        assert int(root.get("failures", "0")) + int(root.get("errors", "0"))
        assert says in ET.tostring(root, encoding="unicode")
    elif form == "sarif":
        (log,) = held_to_sarif(text)["runs"]
        worst = {each["level"] for each in log["results"]} | {
            each["level"] for each in log["invocations"][0].get("toolExecutionNotifications", [])
        }
        assert worst & {"error", "warning"}, text
    else:
        assert any(kind in ("error", "warning") for kind, *_ in held_to_github(text))


def test_ctrl_c_among_several_models_keeps_what_is_done(
    out: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = parse_values.read_model

    def until_found(path: Path) -> Any:
        if "found" in path.name:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(parse_values, "read_model", until_found)
    assert run(["check", "models", "--output-format", "json"]) == 130
    document = held_to_schema(out())
    assert [each["input"]["path"] for each in document["reports"]] == ["models/a.onnx"]
    assert [(each["path"], each["code"]) for each in document["errors"]] == [
        ("models/deep/broken.onnx", "GL003"),
        ("models/deep/found.onnx", "GL975"),
    ]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_report(sent: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.onnx")
    line = [sys.executable, "-m", "gru_lower", "check", "clean.onnx", "slow.onnx", "--output-format", "junit"]
    line += ["--output-file", "report.xml"]
    with subprocess.Popen(line, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as process:
        with (tmp_path / "slow.onnx").open("wb"):  # which waits until it is read
            process.send_signal(sent)
        process.communicate(timeout=60)
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
    root = held_to_junit((tmp_path / "report.xml").read_text(encoding="utf-8"))
    assert [suite.get("name") for suite in root] == ["clean.onnx", "slow.onnx"]
    assert root[1].find("testcase/error[@type='GL975']") is not None


def test_a_configured_format_is_kept_where_the_words_are_wrong(out: Callable[[], str]) -> None:
    Path("pyproject.toml").write_text('[tool.gru-lower]\noutput-format = "json"\n')
    assert run(["check", "clean.onnx", "--nonsense"]) == 2
    assert errors_in("json", out()) == [(None, "GL008")]
    assert run(["check", "missing.onnx"]) == 2
    assert errors_in("json", out()) == [("missing.onnx", "GL001")]


def test_a_batch_that_is_interrupted_says_what_is_done(out: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Batch.__iter__

    def two(self: Batch) -> Iterator[Any]:
        for count, outcome in enumerate(whole(self)):
            yield outcome
            if count == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(Batch, "__iter__", two)
    for form in FORMATS:
        Path("gru-lower-batch.jsonl").unlink(missing_ok=True)
        assert run(words("batch", "models", form=form)) == 130
        text = out()
        said = errors_in(form, text)
        assert len(said) == 2, text  # broken.onnx, and the interrupt
