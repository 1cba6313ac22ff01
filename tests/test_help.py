"""``--help`` stands in groups, fits its terminal and breaks no word; a shell completes targets, passes and codes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import get_completion_class

from gru_lower.cli.help_pages import Formatter
from gru_lower.cli.main import cli
from gru_lower.diagnostic_codes import CODES
from gru_lower.passes.registry import PASSES
from gru_lower.targets import read_profile

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = ["What:", "How:", "Verification:", "Output:"]
COMMANDS = list(cli.modules)
WITHOUT_BREAKS = ('"normalize-gru,lower-gru{form=scan}".', "gru-lower-batch.jsonl", "MODEL.different.onnx.")


def page(name: str, width: int) -> str:
    group = cli.make_context("gru-lower", [], resilient_parsing=True)
    command = cli.get_command(group, name)
    assert command is not None
    ctx = command.make_context(name, [], parent=group, resilient_parsing=True)
    formatter = Formatter(width=width)
    command.format_help(ctx, formatter)
    return formatter.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_fits_its_terminal(name: str, width: int) -> None:
    lines = page(name, width).splitlines()
    assert [line for line in lines if len(line) > width] == []
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_options_stand_in_groups(name: str) -> None:
    lines = page(name, 80).splitlines()
    found = [line for line in lines if line in GROUPS or line == "Options:"]
    assert found == [group for group in GROUPS if group in found]
    assert "Output:" in found


def test_no_word_is_broken() -> None:
    for width in (60, 80, 100):
        text = "\n".join(page(name, width) for name in COMMANDS)
        assert [word for word in WITHOUT_BREAKS if word not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_config_names_a_file_everywhere(name: str) -> None:
    group = cli.make_context("gru-lower", [], resilient_parsing=True)
    command = cli.get_command(group, name)
    assert command is not None
    (config,) = [each for each in command.params if "--config" in each.opts]
    assert isinstance(config.type, click.Path)
    assert config.metavar == "FILE"


def completed(*words: str, shell: str = "bash") -> list[str]:
    """Return what a shell is told when the last of some words is to be completed."""
    ctx = get_completion_class(shell)
    assert ctx is not None
    found = ctx(cli, {}, "gru-lower", "_GRU_LOWER_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.type if item.type == "file" else item.value for item in found]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("lower", "x.onnx", "--target", "po"), ["portable"]),
        (("x.onnx", "--target", "opencv"), ["opencv4", "opencv5"]),
        (("legalize", "x.onnx", "--target", "./my"), ["file"]),
        (("targets", "trac"), ["tract"]),
        (("check", "--explain", "GL711"), ["GL711"]),
        (("check", "x.onnx", "--select", "gl711,gl71"), [f"gl711,{code}" for code in CODES if code[:4] == "GL71"]),
        (("verify", "a.onnx", "b.onnx", "--ignore", "GL50"), [code for code in CODES if code[:4] == "GL50"]),
        (("x.onnx", "--passes", "normal"), ["normalize-gru"]),
        (("fuse", "x.onnx", "--passes", "fuse-gru,lower"), ["fuse-gru,lower-gru"]),
        (("x.onnx", "--passes", "lower-gru{form=s"), ["lower-gru{form=scan", "lower-gru{form=step"]),
        (("x.onnx", "--passes", "lower-gru{form=scan voc"), ["lower-gru{form=scan vocabulary="]),
        (("x.onnx", "--passes", "nothing{"), []),
        (("batch", "*.onnx", "--do", "le"), ["legalize"]),
        (("convert", "x.onnx", "--to", "t"), ["torch", "tensorflow"]),
        (("le",), ["legalize"]),
        (("mod",), ["file"]),
        (("lower", "mod"), ["file"]),
        (("x.onnx", "--zero"), ["--zero-length-state"]),
    ],
)
def test_what_a_shell_offers(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_every_target_pass_and_code_is_offered() -> None:
    assert completed("lower", "x.onnx", "--target", "") == read_profile.names()
    assert completed("lower", "x.onnx", "--passes", "") == list(PASSES)
    assert completed("check", "--explain", "") == list(CODES)


def test_a_configuration_that_is_wrong_stops_no_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gru-lower]\nnonsense = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert completed("lower", "x.onnx", "--form", "un") == ["unroll"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which a shell finds ``gru-lower``."""
    command = tmp_path / "gru-lower"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gru_lower "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}


@pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")
def test_bash_completes_by_the_line_that_the_docs_give(environment: dict[str, str]) -> None:
    script = """
    compopt() { :; }
    eval "$(_GRU_LOWER_COMPLETE=bash_source gru-lower)"
    COMP_WORDS=(gru-lower model.onnx --target portab) COMP_CWORD=3
    _gru_lower_completion gru-lower
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["portable"], done.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gru-lower model.onnx --target portab", "portable"),
        ("gru-lower model.onnx --passes fuse-gru,low", "fuse-gru,lower-gru"),
        (
            "gru-lower check --select GL711,GL713",
            "GL711,GL713\tThe state a stateful layer had at the export is a constant",
        ),
    ],
)
def test_fish_completes_by_the_line_that_the_docs_give(line: str, offered: str, environment: dict[str, str]) -> None:
    script = f"_GRU_LOWER_COMPLETE=fish_source gru-lower | source; complete -C '{line}'"
    done = subprocess.run(["fish", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [offered], done.stderr


def test_what_fish_runs_takes_words_with_commas(environment: dict[str, str]) -> None:
    asked = environment | {"_GRU_LOWER_COMPLETE": "fish_source"}
    done = subprocess.run([sys.executable, "-m", "gru_lower"], env=asked, capture_output=True, text=True, check=True)
    assert 'string split --max 1 ","' in done.stdout
