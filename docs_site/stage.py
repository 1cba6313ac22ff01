"""Laying out the sources of the site: documents where they lie in the repository, and pages made of data."""

from __future__ import annotations

import posixpath
import re
import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from docs_site.pages import api, commands, figures, passes, targets
from docs_site.pages.markdown import toctree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "examples", "fixtures", "benchmarks", "findings", "tests_live", "docs_site")
"""Where documents lie, besides the top."""
LISTED = ("docs/diagnostics", "docs/decisions")
"""Folders whose README lists the pages. In the navigation, on every page, they would be most of the site."""
LINK = re.compile(r"(\]\(<?|^\[[^\]]+\]:\s+)(?![a-z]+:|#)([^)\s>#]+)", re.MULTILINE)
CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


def documents() -> Iterator[str]:
    """Yield the paths of the documents in the repository, as links spell them."""
    yield from sorted(path.name for path in ROOT.glob("*.md"))
    for folder in FOLDERS:
        yield from sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.md"))


def stage(folder: Path, *, draw: bool = False) -> dict[str, str]:
    """Write every source into a folder.

    Args:
        folder: An empty one.
        draw: Whether to draw the benchmarks' figures, which takes matplotlib.

    Returns:
        The pages by path, README.md as index.md, and the figures.

    """
    pages = {_place(name): _led(name, (ROOT / name).read_text(encoding="utf-8"), folder) for name in documents()}
    for make in (commands, passes, targets, api):
        pages.update(make.pages())
    if draw:
        pages.update(list(figures.pages(pages, ROOT / "docs" / "benchmarks")))
    for name, text in list(pages.items()):
        if posixpath.dirname(name) in LISTED and not name.endswith("index.md"):
            pages[name] = f"---\norphan: true\n---\n\n{text}\n[All of them](index.md)\n"
    pages["benchmarks/index.md"] += toctree(
        [f"/{name[:-3]}" for name in pages if _matches(name, "docs/benchmarks/*.md")]
    )
    pages["index.md"] += _navigation(pages)
    for name, text in pages.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return pages


def _place(name: str) -> str:
    """Return where a document stands in the site: a README is its folder's first page."""
    return re.sub(r"(^|/)README\.md$", r"\1index.md", name)


def _led(name: str, text: str, folder: Path) -> str:
    """Return a document whose links lead to pages of the site, or to a copy of the file in the repository."""
    here = posixpath.dirname(name)

    def lead(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, match[2]))
        target = ROOT / path
        if target.is_dir() and (target / "README.md").is_file():
            path = f"{path}/README.md"
        elif target.is_file() and target.suffix != ".md":
            copy = folder / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
        return match[1] + posixpath.relpath(_place(path), here or ".")

    parts = CODE.split(text)
    return "".join(part if CODE.fullmatch(part) else LINK.sub(lead, part) for part in parts)


def _navigation(pages: dict[str, str]) -> str:
    """Return the navigation, by navigation.toml.

    Raises:
        ValueError: A line of it names no page.

    """
    sections = tomllib.loads((ROOT / "docs_site/navigation.toml").read_text(encoding="utf-8"))["section"]
    named = [pattern for section in sections for pattern in section["pages"] if "*" not in pattern]
    taken = {"index.md"}
    parts = []
    for section in sections:
        lines = []
        for pattern in section["pages"]:
            alike = [page for page in pages if _matches(page, pattern) and page not in taken]
            found = alike if pattern in named else [page for page in alike if page not in map(_place, named)]
            if pattern in named and not found:
                raise ValueError(f"navigation.toml: {pattern} is no page, or named twice")
            taken.update(found)
            lines += [f"/{page.removesuffix('.md')}\n" for page in found]
        if lines:
            parts.append(f"\n```{{toctree}}\n:hidden:\n:caption: {section['title']}\n\n{''.join(lines)}```\n")
    return "".join(parts)


def _matches(page: str, pattern: str) -> bool:
    """Whether a pattern names a page; ``*`` ends at the next folder."""
    wanted = _place(pattern)
    return fnmatch(page, wanted) and page.count("/") == wanted.count("/")
