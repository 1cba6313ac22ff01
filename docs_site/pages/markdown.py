"""Pieces of Markdown: tables, and docstrings as they are read on a page."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROLE = re.compile(r":\w+:`~?(?:[^`<]*\.)?([^`.<]+)`")
_ENTRY = re.compile(r"^(\w+): (.*)$")
_STEP = re.compile(r"^\d+\. ")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; a ``|`` inside a cell stays a character."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def inline(text: str) -> str:
    """Return a docstring's words with Markdown's marks for code in the place of reStructuredText's."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def described(docstring: str | None) -> str:
    """Return a docstring as Markdown: what is indented in it is shown as it is, and Rules are a list.

    Raises:
        ValueError: There is none.

    """
    if not docstring:
        raise ValueError("nothing is said of it: it needs a docstring")
    parts = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        head, _, rest = block.partition("\n")
        if head == "Attributes:":
            continue
        if head == "Rules:":
            parts.append(f"**Rules**\n\n{inline(textwrap.dedent(rest))}")
        elif block.startswith(" "):
            parts.append(f"```text\n{textwrap.dedent(block.rstrip())}\n```")
        else:
            parts.append(inline(block))
    return "\n\n".join(parts)


def attributes(docstring: str | None) -> dict[str, str]:
    """Return what a docstring says of each attribute under ``Attributes:``."""
    lines = inspect.cleandoc(docstring or "").split("\n")
    if "Attributes:" not in lines:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in lines[lines.index("Attributes:") + 1 :]:
        if line.strip() and not line.startswith(" "):
            break
        entry = _ENTRY.match(line[4:])
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {name: inline(text) for name, text in found.items()}


def toctree(names: Sequence[str]) -> str:
    """Return what puts pages beside this one under it in the navigation."""
    listed = "".join(f"{name}\n" for name in names)
    return f"\n```{{toctree}}\n:hidden:\n\n{listed}```\n"
