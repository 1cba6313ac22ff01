"""The blocks of code of a document, and running them in order, as somebody would who follows the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHELL = ("sh", "bash", "console")
_BLOCK = re.compile(r"^(?:<!-- (\S+) -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WRITES = re.compile(r"writes (\w[\w.]*\.\w+)")
_EXIT = re.compile(r"#.*\bexit code (\d)")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        kind: Its language.
        text: What is in it.
        file: The file it is to be saved as, from a comment in front of it, or ``""``.
        line: Where it begins in the document, counted from 1.

    """

    kind: str
    text: str
    file: str
    line: int


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks that name a language, in order."""
    return [
        Block(found[2], found[3], found[1] or "", document.count("\n", 0, found.start(2)) + 2)
        for found in _BLOCK.finditer(document)
    ]


def run_python(block: Block, document: Path, names: dict[str, Any]) -> None:
    """Run a block in the current folder; a traceback shows the document's own lines."""
    exec(compile("\n" * (block.line - 1) + block.text, str(document), "exec"), names)  # noqa: S102 - our own document


def follow(document: Path, folder: Path, root: Path) -> None:
    """Follow a page in a folder, the current one: run its commands and its Python, save what it names as a file.

    A command exits with 0, or with the code that the comment behind it names.
    """
    env = environment(folder, root)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            run_python(block, document, names)
        elif block.kind in SHELL:
            for line in block.text.replace("\\\n", " ").splitlines():
                run_line(line.removeprefix("$ "), folder, env)


def run_lines(lines: Iterable[str], folder: Path, root: Path) -> None:
    """Run lines of a page in a folder, and look for what they say they write."""
    env = environment(folder, root)
    for line in lines:
        run_line(line, folder, env)
        assert all((folder / name).stat().st_size for name in _WRITES.findall(line)), line


def environment(folder: Path, root: Path) -> dict[str, str]:
    """Return the environment of commands in a fresh folder, and put the fixtures there."""
    (folder / "fixtures").symlink_to(root / "fixtures")
    return os.environ | {"PATH": f"{command_folder(folder)}{os.pathsep}{os.environ['PATH']}"}


def command_folder(folder: Path) -> Path:
    """Return a folder with the command gru-lower in it, and this Python."""
    made = folder / "bin"
    made.mkdir()
    for name, words in (("gru-lower", [sys.executable, "-m", "gru_lower"]), ("python", [sys.executable])):
        (made / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        (made / name).chmod(0o755)
    return made


def run_line(line: str, folder: Path, env: dict[str, str]) -> None:
    """Run one line of a page, and hold it to the exit code that is said of it."""
    done = subprocess.run(["bash", "-ec", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
    said = _EXIT.search(line)
    assert done.returncode == (int(said[1]) if said else 0), f"{line}\n{done.stdout}{done.stderr}"
