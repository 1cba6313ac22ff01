"""Reads pages of reports as a browser would, as far as tests ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADING = {"src", "srcset", "data", "action", "poster", "background", "xlink:href"}


@dataclass
class ReadPage:
    """What is on a page.

    Attributes:
        text: All text outside of style and script.
        tags: The elements, by name.
        ids: The places that links can lead to.
        links: Where links lead.
        loads: What elements would load.
        broken: Tags that are closed where they are not open.

    """

    text: str = ""
    tags: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = ReadPage()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        page = self.page
        page.tags[tag] = page.tags.get(tag, 0) + 1
        page.attributes |= {name for name, _ in attrs}
        for name, value in attrs:
            page.ids += [value or ""] * (name == "id")
            page.loads += [value or ""] * (name in LOADING or (tag == "link" and name == "href"))
            page.links += [value or ""] * (tag == "a" and name == "href")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.page.broken.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.page.text += data


def read_page(text: str) -> ReadPage:
    """Read a page, or a part of one."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.page


def hold_page(file: Path) -> ReadPage:
    """Read a page, and hold it to what holds of every one: tags fit, links lead somewhere, nothing is loaded."""
    page = read_page(file.read_text(encoding="utf-8"))
    assert not page.broken
    assert len(page.ids) == len(set(page.ids))
    inside = [link for link in page.links if link.startswith("#")]
    assert {link[1:] for link in inside} <= set(page.ids)
    for link in page.links:
        assert link.startswith("#") or (file.parent / link).is_file(), link
    assert page.loads == ["data:,"]  # the icon, which browsers would ask a server for
    assert page.tags["script"] == page.tags["style"] == 1
    assert not [name for name in page.attributes if name.startswith("on")]
    return page
