"""docs/ci.md, run as it stands: its commands, and the scripts of its GitHub and GitLab jobs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from gru_lower.cli.main import run
from schemas import SCHEMAS
from test_check_command import gru
from test_formats import held_to_junit

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, body in BLOCKS if kind == "sh" for line in body.splitlines()]
JOBS = [yaml.safe_load(body) for kind, body in BLOCKS if kind == "yaml"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gru("models/deep/found.onnx")
    shutil.copy(ROOT / "fixtures" / "digits_gru.onnx", "models/digits.onnx")


def ran(line: str) -> int:
    words = shlex.split(line, comments=True)
    assert words[0] == "gru-lower"
    return run(words[1:])


def test_its_commands() -> None:
    assert [ran(line) for line in COMMANDS] == [1, 1, 0, 0, 0]
    held_to_junit(Path("gru-lower.xml").read_text(encoding="utf-8"))


def test_its_jobs_fail_for_what_is_new_alone() -> None:
    github, gitlab = JOBS
    scripts = [
        [step["run"] for step in github["jobs"]["models"]["steps"] if "run" in step],
        gitlab["models"]["script"],
    ]
    ran(COMMANDS[2])
    for install, check in scripts:
        assert install == "pip install gru-lower"
        assert ran(check) == 0
    gru("models/new.onnx")
    for _, check in scripts:
        assert ran(check) == 1
    assert Path(gitlab["models"]["artifacts"]["reports"]["junit"]).is_file()


def test_it_names_every_schema() -> None:
    assert set(re.findall(r"schema/([\w-]+)\.json", PAGE)) == SCHEMAS.keys()
