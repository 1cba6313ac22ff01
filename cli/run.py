"""What came of one model, and how its findings are said in one line: what every format of report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.batching.job import Outcome
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError
    from gru_lower.report.run_report import Report


@dataclass(frozen=True)
class Run:
    """What came of one model.

    Attributes:
        path: As it was named, ``-`` for stdin.
        report: The report, ``None`` where the model could not be read.
        error: Why it could not.

    """

    path: str
    report: Report | None
    error: GruLowerError | None = None

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What the report says, nothing if there is none."""
        return [] if self.report is None else self.report.diagnostics

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """What makes it fail: a name, a kind and a sentence each."""
        if self.report is None:
            return []
        found = [
            (f"{each.code} {each.node}".strip(), each.code, sentence(each))
            for each in self.report.diagnostics
            if each.severity != "note" and not is_mended(each)
        ]
        verdict = self.report.verification
        if verdict.status == "different":
            reason = verdict.message or largest_error(self.report)
            found.append(("verification", "different", f"the models differ: {reason}"))
        return found


def is_mended(found: Diagnostic) -> bool:
    """Whether a finding was mended."""
    return found.fix is not None and found.fix.applied


def sentence(found: Diagnostic) -> str:
    """Return a finding in one line, with what to do about it."""
    return f"{found.message} ({found.hint})" if found.hint else found.message


def sentence_with_fix(found: Diagnostic) -> str:
    """Return a finding in one line, with what was done about it if it was mended."""
    if found.fix is not None and found.fix.applied:
        return f"{sentence(found)} - mended: {found.fix.message}"
    return sentence(found)


def largest_error(report: Report) -> str:
    """Return how far two models are apart."""
    verdict = report.verification
    where = f" at {verdict.worst.output}{list(verdict.worst.index)}" if verdict.worst else ""
    return "no figures" if verdict.max_abs_error is None else f"largest error {verdict.max_abs_error:.2g}{where}"


def run_of(outcome: Outcome) -> Run:
    """Return what came of one model of many, as the formats of reports take it."""
    from gru_lower.errors import Unsupported
    from gru_lower.report.read_report import report_of

    said = outcome.error
    error = None if said is None else Unsupported(said["message"], code=said["code"], hint=said["hint"])
    return Run(outcome.model, None if outcome.report is None else report_of(outcome.report), error)
