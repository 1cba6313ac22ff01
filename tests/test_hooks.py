"""The faces for CI: the hooks that pre-commit installs, and the composite action of GitHub."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
import yaml

from gru_lower.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
TEXT = """<ir_version: 8, opset_import: ["": 17]> g (float[5, N, 2] X) => (float[5, 1, N, 1] Y)
<float[1, 3, 2] W = {1, 2, 3, 4, 5, 6}, float[1, 3, 1] R = {1, 2, 3}> {
  Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)
}"""
EXPRESSION = re.compile(r"\$\{\{\s*(\S+?)\s*\}\}")


def write(path: Path, *, clean: bool) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(onnx.parser.parse_model(TEXT if clean else TEXT.replace("hidden_size = 1, ", "")), path)
    return path


# pre-commit


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_has_what_pre_commit_needs(hook: dict[str, Any]) -> None:
    assert hook.keys() <= {"id", "name", "description", "entry", "language", "files", "require_serial"}
    assert all(hook[key] for key in ("id", "name", "entry", "language", "files"))
    assert hook["language"] == "python"
    assert re.search(hook["files"], "models/a.onnx")
    assert not re.search(hook["files"], "models/a.onnx.data")


def test_what_the_hooks_run(tmp_path: Path) -> None:
    check, fix = (shlex.split(hook["entry"])[1:] for hook in HOOKS)
    models = [write(tmp_path / "a.onnx", clean=True), write(tmp_path / "b.onnx", clean=False)]
    assert run([*check, *map(str, models)]) == 1
    assert run([*fix, *map(str, models)]) == 0
    assert run([*check, *map(str, models)]) == 0


# GitHub's action


def test_the_action_is_whole() -> None:
    assert ACTION.keys() == {"name", "description", "branding", "inputs", "outputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    for each in ACTION["inputs"].values():
        assert each.keys() == {"description", "default"}
        assert all(isinstance(value, str) for value in each.values())
    steps = ACTION["runs"]["steps"]
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        assert ("shell" in step) == ("run" in step)
        assert step.keys() <= {"name", "id", "uses", "with", "run", "shell", "env"}
        assert "${{" not in step.get("run", ""), "an input pasted into a script is run"
    known = {f"inputs.{name}" for name in ACTION["inputs"]}
    known |= {f"steps.{step['id']}.outputs.exit-code" for step in steps if "id" in step}
    assert set(EXPRESSION.findall((ROOT / "action.yml").read_text(encoding="utf-8"))) == known


@pytest.mark.skipif(sys.platform == "win32", reason="bash is asked to find a program of this environment")
@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({}, 1, ["::warning file=deep/a b.onnx,title=gru-lower GL722"]),
        ({"models": "clean.onnx"}, 0, []),
        ({"models": "*.onnx\ndeep/*.onnx", "ignore": "GL722"}, 0, []),
        ({"select": "GL721"}, 0, []),
        ({"exit-zero": "true"}, 0, ["GL722"]),
        ({"baseline": "missing.json"}, 2, ["GL976"]),
        ({"target": "tract", "models": "clean.onnx"}, 1, ["GL702"]),
        ({"target": "tensorrt", "models": "clean.onnx", "output-format": "json"}, 0, ['"schema_version": 1']),
        ({"models": "missing.onnx"}, 2, ["GL001"]),
        ({"models": "none/*.onnx"}, 0, ["no model matches none/*.onnx"]),
        ({"models": "$(touch hit) `touch hit`;touch hit"}, 2, []),
        ({"select": "$(touch hit)"}, 2, []),
        ({"output-file": "out.sarif", "output-format": "sarif"}, 1, []),
    ],
)
def test_the_action_runs_what_its_inputs_say(
    given: Mapping[str, str], code: int, says: list[str], tmp_path: Path
) -> None:
    write(tmp_path / "clean.onnx", clean=True)
    write(tmp_path / "deep" / "a b.onnx", clean=False)
    program = tmp_path / "bin" / "gru-lower"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gru_lower "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    values = {name: each["default"] for name, each in ACTION["inputs"].items()} | dict(given)
    step = ACTION["runs"]["steps"][-1]
    env = {
        name: EXPRESSION.sub(lambda found: values[found[1].removeprefix("inputs.")], text)
        for name, text in step["env"].items()
    }
    output = tmp_path / "github_output"
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, **env, "GITHUB_OUTPUT": str(output), "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert output.read_text(encoding="utf-8") == f"exit-code={code}\n"
    assert all(each in said for each in says), said
    assert not (tmp_path / "hit").exists()
    assert bool(given.get("output-file")) == (tmp_path / "out.sarif").exists()
