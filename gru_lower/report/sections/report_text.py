"""All that a page says of one model, and of several."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from gru_lower.diagnostic_codes import CODES
from gru_lower.report.sections.blocks import Badge, Line, Link, Paragraph, ReportText, Section, code, shortened
from gru_lower.report.sections.cost import cost_section
from gru_lower.report.sections.drawn import pictures_section
from gru_lower.report.sections.found import found_section, pages_of, pages_section, variants_section
from gru_lower.report.sections.verdict import LONGEST_MESSAGE, tone_of, verdict_line, verdict_section


def title_of(report: dict[str, Any]) -> str:
    """Return what a report is called."""
    path = report["input"]["path"]
    name = "a model in memory" if path is None else "a model from a pipe" if path == "-" else PurePath(path).name
    return f"gru-lower {report['command']}: {shortened(name, 100)}"


def refusal_text(title: str, outcome: dict[str, Any]) -> ReportText:
    """Return what is said of a model of which an error is all that came.

    Args:
        title: What was to be done.
        outcome: What came of it: an object of ``schema/batch-1.json`` with an error.

    """
    error = outcome["error"]
    named: Line = (Link(error["code"], f"code-{error['code']}"), ": ") if error["code"] in CODES else ()
    lines: list[Line] = [(*named, shortened(error["message"], LONGEST_MESSAGE))]
    lines += [("What to do: ", shortened(error["hint"], LONGEST_MESSAGE))] if error["hint"] else []
    lines.append(("The model: ", code(outcome["model"])))
    sections = [Section("found", "What was found", [Paragraph(line) for line in lines]), pages_of([error["code"]])]
    verdict: Line = (Badge("Not done", "bad"), f": {shortened(error['message'], LONGEST_MESSAGE)}")
    return ReportText(title, verdict, "bad", [each for each in sections if each is not None])


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
