"""Folders and patterns: every command reads them, and one bad model costs the others nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from ci_runs import FORMATS, ONE_BY_ONE, errors_in, folder, out, words
from gru_lower.batching.matching_files import matching_files
from gru_lower.cli.main import run
from schemas import held_to_schema
from test_formats import CLEAN, held_to_junit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["folder", "out"]


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


def test_a_folder_that_names_are_relative_to_is_no_pattern() -> None:
    for name in ("run[3]/a.onnx", "run[3]/b/c.onnx", "run3/d.onnx"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert matching_files("*.onnx", "run[3]") == ["run[3]/a.onnx"]
    assert matching_files("**/*.onnx", "run[3]") == ["run[3]/a.onnx", "run[3]/b/c.onnx"]
    assert matching_files("b", "run[3]") == ["run[3]/b/c.onnx"]
    assert matching_files("a.onnx", "run[3]") == ["run[3]/a.onnx"]
    assert matching_files("none*", "run[3]") == matching_files("none", "run[3]") == []
    assert matching_files(str(Path("run3").absolute()), "run[3]") == [str(Path("run3/d.onnx").absolute())]


def test_links_that_run_in_circles_are_followed_once(tmp_path: Path) -> None:
    for name in ("z/deep/a.onnx", "z/.hidden/b.onnx", "z/c.onnx", "z/x/y/d.txt"):
        Path("tree", name).parent.mkdir(parents=True, exist_ok=True)
        Path("tree", name).touch()
    for link, target in {
        "tree/again": str(tmp_path / "tree"),
        "tree/a_link": "z/deep",
        "tree/z/deep/up": "../..",
        "tree/z/x/self": "self",
        "tree/z/x/gone": "nowhere",
        "tree/z/other": str(tmp_path / "other"),
        "other/back": str(tmp_path / "tree" / "z"),
    }.items():
        Path(link).parent.mkdir(exist_ok=True)
        Path(link).symlink_to(target)
    Path("other/e.onnx").touch()
    for named in ("tree", "tree/**/*.onnx", "./tree/**/**/*.onnx", str(tmp_path / "tree" / "**" / "*.onnx")):
        found = [os.path.relpath(each, tmp_path) for each in matching_files(named)]
        assert found == ["tree/z/c.onnx", "tree/z/deep/a.onnx", "tree/z/other/e.onnx"], named
    assert matching_files("tr*/**/deep/**/a.onnx") == ["tree/z/deep/a.onnx"]
    assert matching_files("tree/**/x/**") == ["tree/z/x/y/d.txt"]
    assert matching_files("tree/a_link/*.onnx") == ["tree/a_link/a.onnx"]
    assert matching_files("tree/**.onnx") == matching_files("nowhere/**/*.onnx") == []


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


@pytest.mark.parametrize(
    "named", ["models", "models/**/*.onnx", "models/*/*.onnx", "models/deep", "models/deep/b.onnx"]
)
@pytest.mark.parametrize("name", ["inspect", "check"])
def test_a_folder_that_cannot_be_read_is_not_passed_over(
    name: str, named: str, out: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    access, stat = os.access, os.stat

    def closed(path: Any, **how: Any) -> os.stat_result:
        if "deep/" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", closed)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("deep") and access(path, mode))
    code = run(words(name, named, form="json"))
    assert code == 2
    said = out()
    assert "GL001" in said
    assert f"{named if named.endswith('b.onnx') else 'models/deep'}: cannot be read (Permission denied)" in said
