"""``check --baseline``: known findings do not count, whatever has moved around them, and new ones do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from schemas import held_to_schema
from test_check_command import gru
from test_formats import held_to_junit, held_to_sarif

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK = ("check", "models", "--baseline", "known.json")
WRITE = (*CHECK, "--write-baseline")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gru("models/a.onnx")
    gru("models/b.onnx", layout=1)


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[tuple[str, str, Any]]]:
    """Check; return the model, the code and whether it is known of every finding."""

    def do(*words: str) -> list[tuple[str, str, Any]]:
        capsys.readouterr()
        run([*(words or CHECK), "--output-format", "json"])
        reports = held_to_schema(capsys.readouterr().out)["reports"]
        return [
            (each["input"]["path"], one["code"], one.get("known")) for each in reports for one in each["diagnostics"]
        ]

    return do


def edited(path: str, edit: Callable[[onnx.ModelProto], object], to: str | None = None) -> None:
    model = onnx.load(path)
    edit(model)
    onnx.save(model, to or path)


def renamed(model: onnx.ModelProto) -> None:
    model.graph.node[0].output[0] = model.graph.output[0].name = "renamed"


def moved(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Identity", ["X"], ["copy"]), *model.graph.node]
    nodes[1].input[0] = "copy"
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def trained(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 1.5, tensor.name))


def renamed_and_moved(model: onnx.ModelProto) -> None:
    renamed(model)
    moved(model)


def test_what_is_known_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "models"]) == 1
    assert run([*WRITE]) == 0
    assert "Wrote known.json, 3 known findings" in capsys.readouterr().err
    text = Path("known.json").read_text(encoding="utf-8")
    held_to_schema(text)
    assert run([*CHECK]) == 0
    out = capsys.readouterr().out
    assert "GL722" not in out
    assert out.splitlines()[-1] == "Nothing found. 3 known."
    assert run([*WRITE]) == 0
    assert Path("known.json").read_text(encoding="utf-8") == text, "the same findings are the same bytes"
    gru("models/c.onnx")
    assert run([*CHECK]) == 1
    assert "GL722" in capsys.readouterr().out


@pytest.mark.parametrize("edit", [renamed, moved, trained, renamed_and_moved])
def test_a_finding_is_matched_by_content(
    edit: Callable[[onnx.ModelProto], object], found: Callable[..., list[tuple[str, str, Any]]]
) -> None:
    run([*WRITE])
    edited("models/a.onnx", edit)
    assert ("models/a.onnx", "GL722", True) in found()
    assert run([*CHECK]) == 0


def test_a_model_that_is_moved_stays_known(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    run([*WRITE])
    Path("models/deep").mkdir()
    Path("models/a.onnx").rename("models/deep/new.onnx")
    assert ("models/deep/new.onnx", "GL722", True) in found()


def test_another_node_with_the_same_finding_is_new(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    run([*WRITE])

    def other(model: onnx.ModelProto) -> None:
        renamed(model)
        trained(model)

    edited("models/a.onnx", other)
    assert [each for each in found() if each[0] == "models/a.onnx"] == [
        ("models/a.onnx", "GL722", False),
        ("models/a.onnx", "GL977", None),
    ]
    assert run([*CHECK]) == 1


def test_a_copy_of_a_known_model_is_new(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    run([*WRITE])
    edited("models/a.onnx", lambda _: None, to="models/copy.onnx")
    assert ("models/copy.onnx", "GL722", False) in found()


def test_what_is_gone_is_said(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    run([*WRITE])
    gru("models/a.onnx", drop="")
    assert ("models/a.onnx", "GL977", None) in found()
    assert run([*CHECK]) == 0
    assert not [each for each in found("check", "models/b.onnx", "models/b.onnx", *CHECK[2:]) if each[1] == "GL977"]
    assert not [each for each in found(*CHECK, "--select", "GL721") if each[1] == "GL977"], "it was not looked for"
    run([*WRITE])
    assert not [each for each in found() if each[1] == "GL977"]


def test_what_is_known_of_other_models_and_codes_is_kept() -> None:
    run([*WRITE])
    before = Path("known.json").read_text(encoding="utf-8")
    run(["check", "models/a.onnx", "--select", "GL721", *WRITE[2:]])
    assert Path("known.json").read_text(encoding="utf-8") == before
    Path("models/b.onnx").unlink()
    run(["check", "models/a.onnx", *WRITE[2:]])
    assert "b.onnx" not in Path("known.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("models", "--write-baseline", "known.json"),
        ("--write-baseline", "known.json", "models"),
        ("models", "--write-baseline=known.json"),
        ("--baseline", "known.json", "--write-baseline", "models"),
        ("--write-baseline", "--baseline=known.json", "models"),
    ],
)
def test_ways_to_write_it(words: tuple[str, ...]) -> None:
    assert run(["check", *words]) == 0
    assert run([*CHECK]) == 0


def test_it_may_be_configured() -> None:
    Path("pyproject.toml").write_text('[tool.gru-lower.check]\nbaseline = "known.json"\n')
    assert run(["check", "models"]) == 2
    assert run(["check", "--write-baseline", "models"]) == 0
    assert run(["check", "models"]) == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1, "tool": "gru-lower", "findings": [{}]}', "\xff"]
)
def test_what_is_no_baseline(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("known.json").write_text(text, encoding="latin-1")
    for words in (CHECK, WRITE):
        assert run([*words]) == 2
        assert "error GL976: known.json: is no baseline" in capsys.readouterr().err
    assert Path("known.json").read_text(encoding="latin-1") == text
    assert run(["check", "models", "--write-baseline", "models/a.onnx"]) == 2
    assert "GL976" in capsys.readouterr().err


def test_formats_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    run([*WRITE])
    gru("models/c.onnx")
    capsys.readouterr()
    run([*CHECK, "--output-format", "sarif"])
    (log,) = held_to_sarif(capsys.readouterr().out)["runs"]
    assert [each["baselineState"] for each in log["results"]] == ["unchanged"] * 3 + ["new"]
    assert [bool(each.get("suppressions")) for each in log["results"]] == [True] * 3 + [False]
    run([*CHECK, "--output-format", "junit"])
    root = held_to_junit(capsys.readouterr().out)
    assert root.get("failures") == "1"
    run([*CHECK, "--output-format", "github"])
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_library_takes_it() -> None:
    gru_lower.check("models/a.onnx", baseline="known.json", write_baseline=True)
    report = gru_lower.check("models/a.onnx", baseline="known.json")
    assert [each.known for each in report.diagnostics] == [True]
    assert gru_lower.fix("models/a.onnx", baseline="known.json").report.diagnostics[-1].code == "GL977"


def test_a_model_that_is_gone_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    run([*WRITE])
    capsys.readouterr()
    Path("models/a.onnx").rename("models/moved.onnx")
    Path("models/b.onnx").unlink()
    assert run([*CHECK]) == 0
    said = capsys.readouterr().err
    assert "models/b.onnx is known in known.json, and not there any more" in said
    assert "models/a.onnx" not in said, "it was met where it is now"
    run([*WRITE])
    capsys.readouterr()
    assert run([*CHECK]) == 0
    assert "not there any more" not in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="names there are bytes")
def test_a_name_that_is_no_text(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    Path("models/a.onnx").rename(os.fsdecode(b"models/a\xff.onnx"))
    assert run([*WRITE, "-q"]) == 0
    held_to_schema(Path("known.json").read_text(encoding="utf-8"))
    assert all(known for *_, known in found())


def test_a_model_is_known_through_a_link_to_its_folder(found: Callable[..., list[tuple[str, str, Any]]]) -> None:
    assert run([*WRITE]) == 0
    Path("linked").symlink_to("models")
    seen = found("check", "linked", "--baseline", "known.json")
    assert seen
    assert all(known for _, code, known in seen if code != "GL977")
    assert not any(code == "GL977" for _, code, _ in seen)
    run(["check", "linked", "--baseline", "known.json", "--write-baseline"])
    held = json.loads(Path("known.json").read_text(encoding="utf-8"))["findings"]
    assert {each["model"].partition("/")[0] for each in held} == {"linked"}
    held[0]["model"] = "no\0path"
    document = {"schema_version": 1, "tool": "gru-lower", "version": "0", "findings": held}
    Path("known.json").write_text(json.dumps(document), encoding="utf-8")
    assert found()
