"""Commands on a folder of models, and what each format of report says of the errors: what tests of reports share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from schemas import held_to_schema
from test_formats import CLEAN, FOUND, held_to_github, held_to_junit, held_to_sarif

if TYPE_CHECKING:
    from collections.abc import Callable

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
