"""Read a JSON report again, as far as other formats need it: findings, sites, the verdict, the files."""

from __future__ import annotations

from typing import Any

from gru_lower.diagnostics import Diagnostic, Fix
from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.report.run_report import File, Report
from gru_lower.verification.result import Verification, Worst


@dataclass(frozen=True)
class Entry(PlainData):
    """An entry of the report's ``sites``, as it was read.

    Attributes:
        entry: All of it.

    """

    entry: dict[str, Any]

    @property
    def site(self) -> str:
        """The site id."""
        return str(self.entry["site"])

    @property
    def action(self) -> str:
        """What became of it."""
        return str(self.entry["action"])

    @property
    def code(self) -> str:
        """The code of what kept it, ``""`` if nothing did."""
        return str(self.entry["code"] or "")

    @property
    def message(self) -> str:
        """What there is to say."""
        return str(self.entry["message"])

    def to_dict(self) -> dict[str, Any]:
        """Return the entry."""
        return self.entry


def report_of(document: dict[str, Any]) -> Report:
    """Return a report of which version 1 of the JSON report was written."""
    verdict = document["verification"]
    worst = verdict["worst"] and Worst(verdict["worst"]["output"], tuple(verdict["worst"]["index"]), 0.0, 0.0)
    return Report(
        command=document["command"],
        input=File(**document["input"]),
        output=None if document["output"] is None else File(**document["output"]),
        sites=[Entry(each) for each in document["sites"]],
        op_counts=document["op_counts"],
        verification=Verification(
            verdict["status"],
            verdict["scope"],
            cases=verdict["cases"],
            max_abs_error=verdict["max_abs_error"],
            max_rel_error=verdict["max_rel_error"],
            worst=worst or None,
            message=verdict["message"],
            findings=[_diagnostic(each) for each in verdict["findings"]],
        ),
        diagnostics=[_diagnostic(each) for each in document["diagnostics"]],
    )


def _diagnostic(entry: dict[str, Any]) -> Diagnostic:
    fix = entry["fix"] and Fix(**entry["fix"])
    return Diagnostic(**{**entry, "fix": fix or None})
