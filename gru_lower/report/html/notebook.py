"""What a notebook shows of a report: the verdict, what was found and done, and what it cost in nodes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gru_lower.report.html.escaping import text
from gru_lower.report.html.write_blocks import BlockWriter, line
from gru_lower.report.sections.found import found_section
from gru_lower.report.sections.report_text import title_of
from gru_lower.report.sections.verdict import tone_of, verdict_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.report.sections.blocks import Tone

COLOURS: dict[Tone, str] = {"good": "#1a8a4a", "bad": "#c62832", "doubt": "#b87400", "plain": "#8a9099"}
"""The colour of the line beside a verdict, which can be seen on white and on black."""
LINK_INSIDE = re.compile(r'<a href="#[^"]*">(.*?)</a>')


def table_html(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a small table as HTML that stands among other cells.

    Args:
        title: What stands above it.
        heads: The columns' heads.
        rows: The cells of each row.

    """
    head = "".join(f"<th>{text(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{text(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<div><p><strong>{text(title)}</strong></p>\n<table><tr>{head}</tr>\n{body}</table></div>"


def notebook_html(report: dict[str, Any]) -> str:
    """Return the core of a report as HTML that stands among other cells: no style, no script, no place to link to.

    Args:
        report: The JSON report (``schema/report-1.json``).

    """
    border = f"border-left: 0.3em solid {COLOURS[tone_of(report)]}; padding-left: 0.7em"
    body = BlockWriter().write(found_section(report).blocks)
    counts = [sum(report["op_counts"][side].values()) for side in ("before", "after")]
    nodes = f"<p>Nodes, bodies included: {counts[0]:,} before, {counts[1]:,} after.</p>"
    verdict = f'<p style="{border}">{line(verdict_line(report))}</p>'
    told = f"<div><p><strong>{text(title_of(report))}</strong></p>{verdict}{body}{nodes}</div>"
    return LINK_INSIDE.sub(r"\1", told)
