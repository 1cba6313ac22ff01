"""Hooks, action, plugin and jobs as their users run them: in repositories of their own, each in a fresh environment.

Run by ``nox -s ci``: packages come from the index, and take minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from readme_commands import copy_checkout
from test_ci_page import JOBS
from test_formats import held_to_github, held_to_junit, held_to_sarif
from test_hooks import ACTION, EXPRESSION, write

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.ci, pytest.mark.skipif(sys.platform == "win32", reason="bash runs the scripts")]

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits_gru.onnx"
NAMES = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
OURS = ("GIT_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "GRU_LOWER_", "NOX_", "COVERAGE_")
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # as GitHub's runners call it


class Place:
    """A folder where commands run, with nothing in their environment that these tests brought along."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(OURS)} | NAMES | env
        folder.mkdir(parents=True, exist_ok=True)

    def use(self, environment: Path) -> None:
        """Make a fresh environment, and put it on the path as an activated one is."""
        venv.create(environment, with_pip=True)
        self.env["PATH"] = os.pathsep.join([str(environment / "bin"), self.env["PATH"]])

    def ran(self, *words: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        """Run a command, hold it to its exit code, and return what it said."""
        env = {**self.env, **(env or {})}
        done = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        return said

    def commit(self, what: str) -> None:
        self.ran("git", "add", "-A")
        self.ran("git", "commit", "-qm", what)


@pytest.fixture
def mine(tmp_path: Path) -> Place:
    """Somebody's repository: a clean model, one with a finding, odd names, and a folder that is not theirs."""
    place = Place(tmp_path / "mine")
    place.ran("git", "init", "-q")
    write(place.folder / "clean.onnx", clean=True)
    write(place.folder / "models" / "deep" / "a b[1].onnx", clean=False)
    (place.folder / "readme.txt").write_text("no model", encoding="utf-8")
    place.commit("models")
    return place


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout, and a file that makes pip take it for the name."""
    folder = tmp_path_factory.mktemp("wheel")
    copy_checkout(ROOT, folder / "checkout")
    line = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(folder / "checkout")]
    subprocess.run(line, check=True)
    (built,) = folder.glob("*.whl")
    (folder / "taken.txt").write_text(f"gru-lower @ {built.as_uri()}\n", encoding="utf-8")
    return built


# -- the hooks ----------------------------------------------------------------------------------------------


def test_the_hooks_hold_a_commit_back_until_the_model_is_mended(mine: Place, tmp_path: Path) -> None:
    mine.env["PRE_COMMIT_HOME"] = str(tmp_path / "home")
    hooks = Place(tmp_path / "hooks")
    copy_checkout(ROOT, hooks.folder)
    hooks.ran("git", "init", "-q")
    hooks.commit("hooks")
    revision = hooks.ran("git", "rev-parse", "HEAD").strip()

    def configure(hook: str) -> None:
        config = {"repos": [{"repo": str(hooks.folder), "rev": revision, "hooks": [{"id": hook}]}]}
        (mine.folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        mine.ran("git", "add", "-A")

    pre_commit = [sys.executable, "-m", "pre_commit"]
    hooks.ran(*pre_commit, "validate-manifest", ".pre-commit-hooks.yaml")
    model = write(mine.folder / "models" / "new.onnx", clean=False)
    configure("gru-lower-check")
    mine.ran(*pre_commit, "install")
    before = model.read_bytes()
    said = mine.ran("git", "commit", "-m", "models", code=1)
    assert "GL722" in said
    assert "a b[1]" not in said, "what is committed already is not looked at"
    assert model.read_bytes() == before

    configure("gru-lower-fix")
    said = mine.ran("git", "commit", "-m", "models", code=1)
    assert "files were modified by this hook" in said
    assert "fixed GL722" in said
    mine.commit("models")

    configure("gru-lower-check")
    assert "a b[1]" in mine.ran(*pre_commit, "run", "--all-files", code=1)
    configure("gru-lower-fix")
    mine.ran(*pre_commit, "run", "--all-files", code=1)
    configure("gru-lower-check")
    assert "Passed" in mine.ran(*pre_commit, "run", "--all-files")


# -- the action ---------------------------------------------------------------------------------------------


def test_the_action_step_by_step(mine: Place, tmp_path: Path) -> None:
    action = tmp_path / "action"
    copy_checkout(ROOT, action)
    inputs = {name: each["default"] for name, each in ACTION["inputs"].items()}
    mine.env |= {"GITHUB_ACTION_PATH": str(action), "GITHUB_WORKSPACE": str(mine.folder)}
    setup, install, check = ACTION["runs"]["steps"]
    assert setup["uses"].startswith("actions/setup-python@")
    assert setup["with"] == {"python-version": "${{ inputs.python-version }}"}
    assert re.fullmatch(r"3\.\d+", inputs["python-version"])
    mine.use(tmp_path / "python")
    mine.ran(*BASH, install["run"])
    assert str(tmp_path / "python") in mine.ran("which", "gru-lower")

    def checked(code: int, **given: str) -> str:
        values = inputs | {name.replace("_", "-"): value for name, value in given.items()}
        env = {
            name: EXPRESSION.sub(lambda found: values[found[1].removeprefix("inputs.")], text)
            for name, text in check["env"].items()
        }
        output = tmp_path / "output"
        said = mine.ran(*BASH, check["run"], code=code, env={**env, "GITHUB_OUTPUT": str(output)})
        assert output.read_text(encoding="utf-8") == f"exit-code={code}\n"
        output.unlink()
        return said

    (found,) = [each for each in held_to_github(checked(1).strip()) if each[0] == "warning"]
    assert found[1:3] == ("models/deep/a b[1].onnx", "gru-lower GL722 main#0%3AY")
    mine.ran("gru-lower", "check", ".", "--baseline", "known.json", "--write-baseline")
    assert "GL722" not in checked(0, baseline="known.json")
    assert "GL722" in checked(1, output_format="sarif", output_file="found.sarif"), "the log has the text"
    log = held_to_sarif((mine.folder / "found.sarif").read_text(encoding="utf-8"))
    assert [each["ruleId"] for each in log["runs"][0]["results"]] == ["GL722"]
    assert "GL702" in checked(1, target="tract", models="clean.onnx")


# -- the plugin ---------------------------------------------------------------------------------------------


def test_the_plugin_of_the_wheel(mine: Place, wheel: Path, tmp_path: Path) -> None:
    mine.use(tmp_path / "python")
    mine.ran("pip", "install", "--quiet", str(wheel), "pytest")
    (mine.folder / "test_plain.py").write_text(
        "import sys\n\ndef test_plain():\n    assert not {'onnx', 'numpy', 'click'} & sys.modules.keys()\n",
        encoding="utf-8",
    )
    assert "1 passed" in mine.ran("pytest", "-q")
    assert "--gru-models" in mine.ran("pytest", "--help")
    shutil.copy(DIGITS, mine.folder / "models" / "digits.onnx")
    said = mine.ran("pytest", "-rA", "--gru-models", "models", "--gru-models", "c*.onnx", "-k", "lower")
    assert "3 passed" in said
    assert "PASSED models/deep/a b[1].onnx::lower" in said
    (mine.folder / "models" / "cut.onnx").write_bytes(DIGITS.read_bytes()[:3000])
    (mine.folder / "pytest.ini").write_text("[pytest]\ngru_models = models\n", encoding="utf-8")
    (mine.folder / "test_plain.py").unlink()
    said = mine.ran("pytest", "--junit-xml", "tests.xml", code=1)
    assert "GL003: cut.onnx" in said
    assert "1 failed, 2 passed" in said
    assert "Traceback" not in said
    assert 'name="lower"' in (mine.folder / "tests.xml").read_text(encoding="utf-8")


# -- the jobs of docs/ci.md ---------------------------------------------------------------------------------


def scripts(kind: str) -> list[str]:
    github, gitlab = JOBS
    steps: list[dict[str, str]] = github["jobs"]["models"]["steps"]
    script: list[str] = gitlab["models"]["script"]
    return script if kind == "gitlab" else [step["run"] for step in steps if "run" in step]


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_job(kind: str, mine: Place, wheel: Path, tmp_path: Path) -> None:
    runner = Place(tmp_path / "runner", PIP_CONSTRAINT=str(wheel.parent / "taken.txt"))
    runner.use(tmp_path / "python")
    install, check = scripts(kind)
    runner.ran(*BASH, install)
    assert str(wheel) in runner.ran("pip", "freeze")

    def job(code: int) -> str:
        shutil.rmtree(runner.folder)
        runner.folder.mkdir()
        runner.ran("git", "clone", "-q", str(mine.folder), ".")
        return runner.ran(*BASH, check, code=code)

    assert "GL976" in job(2), "there is no baseline yet"
    mine.env["PATH"] = runner.env["PATH"]
    mine.ran("gru-lower", "check", ".", "--baseline", "gru-baseline.json", "--write-baseline")
    mine.commit("what is known")
    job(0)
    write(mine.folder / "models" / "new.onnx", clean=False)
    mine.commit("a new model")
    said = job(1)
    if kind == "github":
        assert [(each[0], each[1]) for each in held_to_github(said.strip())] == [("warning", "models/new.onnx")]
        return
    assert "GL722" in said
    report = runner.folder / JOBS[1]["models"]["artifacts"]["reports"]["junit"]
    suites = held_to_junit(report.read_text(encoding="utf-8"))
    assert {suite.get("name"): suite.get("failures") for suite in suites} == {
        "clean.onnx": "0",
        "models/deep/a b[1].onnx": "0",
        "models/new.onnx": "1",
    }
    assert json.loads((runner.folder / "gru-baseline.json").read_text(encoding="utf-8"))["findings"]
