"""All that a page says of one model, and of several."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gru_lower.report.sections.blocks import ReportText, shortened
from gru_lower.report.sections.cost import cost_section
from gru_lower.report.sections.drawn import pictures_section
from gru_lower.report.sections.found import found_section, pages_section, variants_section
from gru_lower.report.sections.verdict import tone_of, verdict_line, verdict_section

if TYPE_CHECKING:
    from gru_lower.report.sections.blocks import Section


def title_of(report: dict[str, Any]) -> str:
    """Return what a report is called."""
    path = report["input"]["path"]
    name = "a model in memory" if path is None else "a model from a pipe" if path == "-" else PurePath(path).name
    return f"gru-lower {report['command']}: {shortened(name, 100)}"


def report_text(report: dict[str, Any]) -> ReportText:
    """Return what is said of one model.

    Args:
        report: The JSON report (``schema/report-1.json``).

    """
    sections: list[Section | None] = [
        found_section(report),
        variants_section(report),
        pictures_section(report),
        verdict_section(report),
        cost_section(report),
        pages_section(report),
    ]
    return ReportText(
        title_of(report), verdict_line(report), tone_of(report), [each for each in sections if each is not None]
    )
