"""Pictures of each GRU before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.report.sections.blocks import Folded, Line, Paragraph, Picture, Section, Strong, code, counted

if TYPE_CHECKING:
    from gru_lower.report.sections.blocks import Block

LARGE = 30
"""How many nodes a picture has that is folded."""


def pictures_section(report: dict[str, Any]) -> Section | None:
    """Return the pictures, ``None`` where there are none.

    Args:
        report: The JSON report.

    """
    found = (report.get("evidence") or {}).get("pictures", [])
    alike: dict[str, list[str]] = {}
    for each in found:
        if "like" in each:
            alike.setdefault(each["like"], []).append(each["site"])
    blocks: list[Block] = []
    for each in found:
        if "like" not in each:
            others = alike.get(each["site"], [])
            same = f" and {counted(len(others), 'GRU')} alike" if others else ""
            blocks.append(Paragraph((Strong("GRU "), code(each["site"]), same)))
            blocks += _both(each)
    return Section("pictures", "Each GRU before and after", blocks) if blocks else None


def _both(entry: dict[str, Any]) -> list[Block]:
    site = entry["site"]
    if entry["after"] is None:
        return _one(f"{site}, as it is", entry["before"])
    if entry["before"] is None:
        return _one(f"{site}, after", entry["after"])
    return [*_one(f"{site}, before", entry["before"]), *_one(f"{site}, after", entry["after"])]


def _one(title: str, graph: dict[str, Any]) -> list[Block]:
    count = graph["nodes_in_all"]
    summary: Line = (f"{title.rpartition(', ')[2].capitalize()}: {counted(count, 'node')}",)
    picture = Picture(title, graph)
    return [Folded(summary, [picture])] if count > LARGE else [Paragraph(summary), picture]
