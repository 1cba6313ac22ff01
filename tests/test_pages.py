"""The commands of the guides, run from a page's first line to its last, in a fresh folder beside the fixtures.

What wants more than this package says so in the comment behind it: ``# wants CUDA``. Pages from zero to done are
followed by test_documents.py, README.md by test_readme.py, docs/ci.md and docs/chips.md by tests of their own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from document_blocks import SHELL, blocks, run_lines

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {"ci.md", "chips.md"}
WANTS = re.compile(r"#.*\bwants (.+)$")
WANTED = {
    "batch.md": ["gru-lower[cluster]", "gru-lower[cluster] and a zoo.zip", "a bucket", "a bucket and a cluster"],
    "targets.md": ["an engine", "what the probe wrote"] * 2,
    "verify.md": ["CUDA"],
}
"""What pages want that is not to be had here, and so is not run: batch and probe have tests of their own."""


def lines_of(page: Path) -> list[str]:
    """Return the commands of a page, each as it stands."""
    shown = [block.text for block in blocks(page.read_text(encoding="utf-8")) if block.kind in SHELL]
    return [line.removeprefix("$ ") for text in shown for line in text.replace("\\\n", " ").splitlines()]


PAGES = [page for page in sorted(ROOT.glob("docs/*.md")) if lines_of(page) and page.name not in ELSEWHERE]
RUN = [page for page in PAGES if not all(map(WANTS.search, lines_of(page)))]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the lines are written for a shell")
@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in RUN])
def test_its_commands_run_from_the_first_to_the_last(page: Path, tmp_path: Path) -> None:
    run_lines((line for line in lines_of(page) if not WANTS.search(line)), tmp_path, ROOT)


def test_what_is_not_run_says_what_it_wants() -> None:
    wanted = {page.name: [found[1] for line in lines_of(page) if (found := WANTS.search(line))] for page in PAGES}
    assert {name: wants for name, wants in wanted.items() if wants} == WANTED
