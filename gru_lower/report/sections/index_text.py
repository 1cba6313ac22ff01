"""What is said of many models: a row each, to be filtered by verdict and by code."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from typing import TYPE_CHECKING, Any

from gru_lower.diagnostic_codes import CODES
from gru_lower.light_dataclass import dataclass
from gru_lower.report.sections.blocks import (
    Badge,
    Filters,
    Items,
    Line,
    Link,
    Paragraph,
    ReportText,
    Section,
    Table,
    code,
    counted,
    listed,
    number,
    shortened,
)
from gru_lower.report.sections.verdict import TONES, WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.report.sections.blocks import Block, Tone

STATUS_TONES: dict[str, Tone] = {"done": "good", "findings": "doubt", "refused": "bad", "failed": "bad"}
STATUS_WORDS = {
    "done": "came out well",
    "findings": "something was found, or is left",
    "refused": "cannot be done",
    "failed": "a bug in gru-lower",
}


@dataclass
class Row:
    """What an index says of one model.

    Attributes:
        model: The model, as it was named.
        status: ``done``, ``findings``, ``refused`` or ``failed``.
        verdict: The verification's status, ``""`` where there is none.
        codes: What was found or went wrong.
        error: The largest error.
        grus: How many GRUs it has.
        became: What became of them.
        message: What ended it, ``""`` where nothing did.
        seconds: How long it took, ``None`` where nobody measured.
        page: Its own page, ``""`` where it has none.

    """

    model: str
    status: str
    verdict: str = ""
    codes: list[str] = field(default_factory=list)
    error: float | None = None
    grus: int = 0
    became: str = ""
    message: str = ""
    seconds: float | None = None
    page: str = ""


def row_of(outcome: dict[str, Any], page: str) -> Row:
    """Return the row of one model.

    Args:
        outcome: What came of it: an object of ``schema/batch-1.json``.
        page: Its own page.

    """
    found = Row(outcome["model"], outcome["status"], seconds=outcome["seconds"], page=page)
    report, error = outcome["report"], outcome["error"]
    if report is not None:
        found.verdict = report["verification"]["status"]
        found.error = report["verification"]["max_abs_error"]
        found.grus = len(report["sites"])
        actions = Counter(site["form"] or site["action"] for site in report["sites"])
        found.became = ", ".join(f"{count} {action}" for action, count in actions.most_common())
        codes = [each["code"] for each in report["diagnostics"]] + [site["code"] for site in report["sites"]]
        found.codes = list(dict.fromkeys(filter(None, codes)))
    if error is not None:
        found.message = f"{error['message']} ({error['hint']})" if error["hint"] else error["message"]
        found.codes = list(dict.fromkeys([*([error["code"]] if error["code"] else []), *found.codes]))
    return found


def index_text(title: str, rows: Sequence[Row]) -> ReportText:
    """Return what is said of many models.

    Args:
        title: What was done.
        rows: One a model.

    """
    status = Counter(row.status for row in rows)
    worst = next((each for each in ("failed", "refused", "findings") if status[each]), "done")
    said = "; ".join(f"{count:,} {STATUS_WORDS[each]}" for each, count in status.most_common())
    verdict: Line = (Badge(counted(len(rows), "model"), STATUS_TONES[worst]), f": {said}." if said else ".")
    blocks: list[Block] = []
    codes = Counter(each for row in rows for each in row.codes)
    verdicts = Counter(row.verdict for row in rows if row.verdict)
    choices = {"result": [*status], "verdict": [*verdicts], "code": sorted(codes)}
    if rows:
        blocks.append(Filters({name: values for name, values in choices.items() if values}))
        blocks.append(_table(rows))
    sections = [Section("models", "Models", blocks or [Paragraph(("There were none.",))])]
    if codes:
        lines: list[Line] = []
        for each, count in codes.most_common():
            lines.append((f"{each} {CODES[each].title if each in CODES else ''}: {counted(count, 'model')}",))
        sections.append(Section("codes", "What was found", [Items(lines)]))
    return ReportText(title, verdict, STATUS_TONES[worst], sections)


def _table(rows: Sequence[Row]) -> Table:
    cells: list[list[Line]] = []
    for row in rows:
        name = shortened(row.model, 120)
        verdict: Line = (Badge(WORDS[row.verdict], TONES[row.verdict]),) if row.verdict else ("–",)
        cells.append(
            [
                (Link(name, row.page),) if row.page else (code(name),),
                (Badge(row.status, STATUS_TONES[row.status]),),
                verdict,
                (number(row.error),),
                (f"{number(row.grus)}: {row.became}" if row.grus else "0",),
                (listed(row.codes), f": {shortened(row.message, 300)}" if row.message else ""),
                (number(row.seconds),),
            ]
        )
    head = ("model", "result", "verdict", "largest error", "GRUs", "what was found", "seconds")
    keys = [[row.status, *([row.verdict] if row.verdict else []), *row.codes] for row in rows]
    return Table("What came of each model", head, cells, ("largest error", "seconds"), keys)
