"""Every code means one thing, is used, and has a page whose example says today what it said when it was written."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import onnx
import pytest

from gru_lower import diagnostic_codes
from gru_lower.cli.main import run
from gru_lower.diagnostic_codes import CODES, Severity
from gru_lower.diagnostics import diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "diagnostics"
SLOW_EXAMPLES = {"GL612"}
"""Codes whose example tries models of all sizes."""
NOT_SHOWN = {"GL803", "GL901", "GL954", "GL957", "GL958", "GL975"}
"""What no model is known to show: faults in gru-lower itself, and what fails around it."""
SECTIONS = ["Why it matters", "Example", "What to do"]

_CODE = re.compile(r"\bGL\d{3}\b")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_EXITS = re.compile(r"exits with (\d)")


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def sources() -> Iterator[tuple[Path, str]]:
    """Yield every source file of the package once, with its text."""
    for folder in ("gru_lower", "passes", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            if not (folder == "gru_lower" and path.relative_to(ROOT).parts[1] in ("passes", "cli")):
                yield path, path.read_text(encoding="utf-8")


def played(text: str) -> Iterator[tuple[str, str, int]]:
    """Do what the example of a page does, in the current folder.

    An ``onnx`` block is written as model.onnx; a ``python`` block runs, and a ``text`` block after it is what it
    prints; a ``console`` block holds commands and what they say, on both streams. Yields, for each of the last two,
    what the page says is said, what was said, and the exit code.
    """
    printed = io.StringIO()
    for kind, body in _BLOCK.findall(text):
        if kind == "onnx":
            onnx.save(onnx.parser.parse_model(body), "model.onnx")
        elif kind == "python":
            printed = io.StringIO()
            with redirect_stdout(printed):
                exec(compile(body, "example.py", "exec"), {})  # noqa: S102 - the page's own example
        elif kind == "text":
            yield body, printed.getvalue(), 0
        else:
            for command, expected in _COMMAND.findall(body):
                yield expected, *executed(command)


def executed(command: str) -> tuple[str, int]:
    """Run one command; return what it said and its exit code."""
    words = shlex.split(command)
    if words[0] != "gru-lower":
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr, done.returncode
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run(words[1:])
    return said.getvalue(), code


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == CODES.keys() | {"README"}


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_is_registered(code: str) -> None:
    lines = page(code).splitlines()
    assert lines[0] == f"# {code}. {CODES[code].title}"
    assert lines[2].startswith(f"*{CODES[code].severity}* - ")
    assert [line.removeprefix("## ") for line in lines if line.startswith("##")] == SECTIONS
    assert all(_CODE.fullmatch(found) and found in CODES for found in _CODE.findall(page(code)))


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are written for a shell")
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=[pytest.mark.slow] if code in SLOW_EXAMPLES else [])
        for code in CODES
        if code not in NOT_SHOWN
    ],
)
def test_an_example_says_what_its_page_shows(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    text = page(code)
    said = list(played(text))
    for expected, actual, _ in said:
        pattern = ".*".join(map(re.escape, expected.split("...")))
        assert re.fullmatch(pattern, actual, re.DOTALL), actual
    severity, (last, _, exit_code) = CODES[code].severity, said[-1]
    assert (f"{severity} {code}: " in last) or (code == "GL010" and diagnostic(code, last.strip()).message in last)
    wanted = _EXITS.search(text.splitlines()[2])
    assert exit_code == (int(wanted.group(1)) if wanted else 0)


def test_the_index_lists_every_code_once_under_its_group() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(GL\d{3})\]\((\S+)\) \| (\w+) \| (.+) \|$", index, re.MULTILINE)
    assert rows == [(code, f"{code}.md", CODES[code].severity, CODES[code].title) for code in sorted(CODES)]
    groups = dict(re.findall(r"^(GL\d)xx +(.+)$", diagnostic_codes.__doc__ or "", re.MULTILINE))
    headings = re.findall(r"^## (GL\d)xx: (.+)$", index, re.MULTILINE)
    assert headings == list(groups.items())
    for first, table in zip(groups, re.split(r"^## .*$", index, flags=re.MULTILINE)[1:], strict=True):
        assert {code[:3] for code in _CODE.findall(table)} == {first}


def test_codes_in_the_sources_are_registered_and_registered_codes_are_used() -> None:
    used: dict[str, set[Path]] = {}
    for path, text in sources():
        for code in _CODE.findall(text):
            used.setdefault(code, set()).add(path.relative_to(ROOT))
    assert used.keys() <= CODES.keys()
    registry = Path("gru_lower/diagnostic_codes.py")
    unused = [code for code in CODES if not used[code] - {registry}]
    assert not unused, "registered, but nothing says them"


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_a_severity_a_title_and_a_hint(code: str) -> None:
    entry = CODES[code]
    assert entry.severity in get_args(Severity)
    for text in (entry.title, entry.hint):
        assert text == text.strip()
        assert len(text) in range(10, 100)
        assert text.isprintable()
        assert not text.endswith(".")
    made = diagnostic(code, "found", scope="main", node="main#0:Y")
    assert made.to_dict() == {
        "code": code,
        "severity": entry.severity,
        "scope": "main",
        "node": "main#0:Y",
        "message": "found",
        "hint": entry.hint,
        "fix": None,
    }
    assert diagnostic(code, "found", hint="another").hint == "another"
