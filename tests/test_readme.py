"""What the documents say can be done: commands exist, links lead somewhere, the README's first commands work."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from document_blocks import run_lines
from readme_commands import INSIDE, ROOT, first_commands, run_first_commands, shell_blocks
from update_readme_picture import PICTURE, NoLayouts, before_and_after, said

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]

_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
_COMMAND = re.compile(r"(?:^|&&|\|)\s*(?:\$ )?(gru-lower(?: [^&|#\n]*)?)", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[A-Za-z])(?![\w])")


def anchors(markdown: str) -> set[str]:
    """Return the anchors that a forge gives a document's headings, the first of each name."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(markdown))
    return {heading.replace(" ", "-") for heading in kept}


@functools.cache
def options_of(command: str | None) -> set[str]:
    """Return every option that ``--help`` names, for one command or for the bare program."""
    words = [sys.executable, "-m", "gru_lower", *([command] if command else []), "--help"]
    done = subprocess.run(
        words, env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(words[2:])}: {done.stderr}"
    return set(_OPTION.findall(done.stdout))


def command_lines(markdown: str) -> list[list[str]]:
    """Return the words of each ``gru-lower`` call in a document's shell blocks, without the program's name."""
    blocks = "\n".join(shell_blocks(markdown)).replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in _COMMAND.findall(blocks)]


def test_the_first_commands_install_then_run_then_test() -> None:
    install_and_run, install_and_test = first_commands()
    assert re.fullmatch(r"pip install \. && gru-lower .+", install_and_run)
    assert install_and_test == 'pip install ".[test]" && pytest'


def test_command_lines_are_found() -> None:
    text = (
        "```sh\npip install . && gru-lower a.onnx -o b.onnx\n$ gru-lower check \\\n  --fix a.onnx | cat  # why\n```\n"
    )
    assert command_lines(text) == [["a.onnx", "-o", "b.onnx"], ["check", "--fix", "a.onnx"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_use_options_that_exist(document: Path) -> None:
    for words in command_lines(document.read_text(encoding="utf-8")):
        # `gru-lower MODEL` is `gru-lower lower MODEL`; a bare --help or --version belongs to the program itself.
        command = words[0] if words and re.fullmatch(r"[a-z]+", words[0]) else None
        known = options_of(command) | (set() if command else options_of("lower"))
        used = {word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)}
        assert used <= known, f"gru-lower {shlex.join(words)}: no such option {sorted(used - known)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(document: Path) -> None:
    text = _CODE.sub("", document.read_text(encoding="utf-8"))
    for target in (first or second for first, second in _LINK.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        path, _, fragment = unquote(target).partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{target}: no such file"
        if fragment and file.suffix == ".md":
            assert fragment in anchors(file.read_text(encoding="utf-8")), f"{target}: no such heading"


def _lines_to_run() -> list[str]:
    """Return the lines of the README's block of commands, each as it stands."""
    block = shell_blocks((ROOT / "README.md").read_text(encoding="utf-8"))[2]
    return block.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are written for a shell")
def test_the_block_of_commands_runs_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    assert len(_lines_to_run()) > 15
    run_lines(_lines_to_run(), tmp_path, ROOT)


def _printed_by_first_command() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("```text\n")[2].partition("```")[0]


def test_what_the_first_command_prints_is_shown(tmp_path: Path) -> None:
    words = shlex.split(first_commands()[0].partition("gru-lower ")[2])
    words[words.index("-o") + 1] = str(tmp_path / "lowered.onnx")
    done = subprocess.run(
        [sys.executable, "-m", "gru_lower", *words],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for line in _printed_by_first_command().splitlines():
        assert re.search(f"^{_as_pattern(line)}$", done.stdout, re.MULTILINE), done.stdout


def test_the_picture_says_what_is_written_today() -> None:
    drawn = PICTURE.read_text(encoding="utf-8")
    assert said(drawn) == said(before_and_after(NoLayouts())), "run python tests/update_readme_picture.py"
    assert str(PICTURE.relative_to(ROOT)) in (ROOT / "README.md").read_text(encoding="utf-8")


def _as_pattern(line: str) -> str:
    """Return a pattern of a line: ``...`` is anything; which elements differ most, and by how much, is the CPU's."""
    pattern = re.escape(line).replace(re.escape("..."), ".*")
    return re.sub(r"\d\S*", lambda _: r"\d\S*", pattern) if "largest error" in line else pattern


@pytest.mark.readme
@pytest.mark.skipif(INSIDE in os.environ, reason="already running inside the README's own commands")
def test_first_commands_work_as_they_stand(tmp_path: Path) -> None:
    run_first_commands(tmp_path)
    written = [word for word in shlex.split(first_commands()[0]) if word.endswith(".onnx")][-1]
    assert (tmp_path / "checkout" / written).stat().st_size > 0
