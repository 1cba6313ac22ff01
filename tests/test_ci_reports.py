"""What CI reads is well-formed and says what happened, whatever is wrong with the words or the models of a command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import onnx
import pytest

from ci_runs import FORMATS, READ_MODELS, WORDS, errors_in, folder, out, words
from gru_lower.batching.batch import Batch
from gru_lower.cli import parse_values
from gru_lower.cli.command_group import Commands
from gru_lower.cli.main import run
from gru_lower.probing import probe
from gru_lower.targets import read_profile
from schemas import held_to_schema
from test_formats import CLEAN, held_to_github, held_to_junit, held_to_sarif

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["folder", "out"]


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
@pytest.mark.parametrize(
    "line",
    [
        ["lower"],
        ["nonsense"],
        ["check", "m.onnx", "--output-file"],
        ["batch", "x"],
        ["check", "clean.onnx", "--target"],
        ["lower", "clean.onnx", "-o"],
    ],
)
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


WHERE = '<ir_version: 8, opset_import: ["": 17]> g (bool[2] c, float[2] x) => (float[2] y) { y = Where(c, x, x) }'
EXITS = {
    "check clean.onnx --target onnxruntime-cuda": (0, "warning GL451"),  # a doubt
    "check clean.onnx --target tract": (1, "GL7"),
    "check models/deep/found.onnx": (1, "GL722"),
    "check models/deep/found.onnx --fix": (0, "mended GL722"),
    "check models/deep/found.onnx --select GL721": (0, ""),
    "inspect odd.onnx": (0, "error GL106"),
    "inspect models/deep/found.onnx": (0, ""),
    "lower clean.onnx --no-verify --target onnxruntime-cuda": (0, "warning GL451"),
    "lower open.onnx --no-verify --form unroll": (1, "GL302"),
    "lower open.onnx --no-verify --form unroll --target onnxruntime-cuda": (1, "GL302"),
    "lower where.onnx --no-verify --target portable": (1, "GL453"),
    "legalize where.onnx --no-verify --target portable": (1, "GL453"),
    "lower other.onnx --no-verify --require-verified": (1, "verification"),
    "verify clean.onnx fixed.onnx --cases 1 --search 0": (1, "GL506"),
    "verify clean.onnx fixed.onnx --cases 1 --search 0 --ignore GL506": (0, ""),
    "verify clean.onnx other.onnx --cases 1 --search 0": (1, "differ"),
    "fuse clean.onnx --no-verify": (0, ""),
}


@pytest.mark.parametrize("line", EXITS)
def test_junit_fails_where_the_exit_code_does(line: str, out: Callable[[], str]) -> None:
    for name, text in {
        "open": CLEAN.replace("[5, N", "[T, N").replace("[5, 1", "[T, 1"),
        "other": CLEAN.replace("{1, 2, 3}", "{1, 2, 4}"),
        "fixed": CLEAN.replace("[5, N", "[5, 2").replace("1, N, 1]", "1, 2, 1]"),
        "odd": CLEAN.replace("linear_before_reset = 1", "linear_before_reset = 1, clip = 0.0"),
        "where": WHERE,
    }.items():
        onnx.save(onnx.parser.parse_model(text), f"{name}.onnx")
    code, says = EXITS[line]
    assert run([*line.split(), "--output-format", "junit"]) == code
    root = held_to_junit(out())
    assert bool(int(root.get("failures", "0"))) is bool(code)
    assert root.get("errors") == "0"
    parts = [f"{each.get('name')} {each.findtext('failure')}" for each in root.iter("testcase") if len(each)]
    assert says in " ".join([*parts, root.findtext("testsuite/system-out") or ""])


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
