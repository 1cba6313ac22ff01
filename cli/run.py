"""What came of one model, and how its findings are said in one line: what every format of report is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.batching.job import Outcome
    from gru_lower.diagnostic_codes import Severity
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError
    from gru_lower.report.run_report import Report

    Runs = Callable[[], Iterable["Run"]]  # as often as it is asked: there may be more of them than memory holds


@dataclass(frozen=True)
class Run:
    """What came of one model.

    Attributes:
        path: As it was named, ``-`` for stdin.
        report: The report, ``None`` where there is none.
        error: What ended it, or kept it from being what was asked for.
        command: What was run, where no report says it.
        seconds: How long it took.
        failed: Whether it asks for exit code 1.
        figures: The JSON of what is no report on a model: times, profiles; ``None`` for that of the report.

    """

    path: str
    report: Report | None
    error: GruLowerError | None = None
    command: str = ""
    seconds: float = 0.0
    failed: bool = False
    figures: dict[str, Any] | None = None

    @property
    def document(self) -> dict[str, Any] | None:
        """The JSON of what came of it, ``None`` where nothing did."""
        return self.figures if self.figures is not None or self.report is None else self.report.to_dict()

    @property
    def name(self) -> str:
        """What it is called: by the model, or by the command where it is about none."""
        return self.path or " ".join(filter(None, ["gru-lower", self.command]))

    @property
    def what(self) -> str:
        """What was done: the command, as far as that is known."""
        return self.command or ("read" if self.report is None else self.report.command)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What the report says, nothing if there is none."""
        return [] if self.report is None else self.report.diagnostics

    @property
    def counted(self) -> list[Diagnostic]:
        """The findings that it fails for: those that count in a check; else what a target, or a caller, would meet."""
        report = self.report
        if report is None:
            return []
        if report.command == "check":
            return [each for each in report.diagnostics if each.fails_check]
        if not self.failed or self.error is not None:
            return []
        from gru_lower.rewriting.remaining_nodes import remaining_in

        return [*remaining_in(report), *report.verification.findings]

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """What makes it fail: a name, a kind and a sentence each; of a run that exits with 0 nothing."""
        found = [(f"{each.code} {each.node}".strip(), each.code, sentence(each)) for each in self.counted]
        return found + self.beyond_findings

    @property
    def beyond_findings(self) -> list[tuple[str, str, str]]:
        """What makes it fail and is no finding: a verdict, GRUs that had to stay."""
        report = self.report
        if report is None:
            return []
        verdict = report.verification
        if verdict.status == "different":
            return [("verification", "different", f"the models differ: {verdict.message or largest_error(report)}")]
        if self.counted or self.error is not None or not self.failed:
            return []
        kept = [each for each in report.sites if each.action == "kept" and each.code]
        reason = verdict.message or f"the verdict is {verdict.status}, and an equivalent one was asked for"
        stayed = [(f"{each.code} {each.site}", str(each.code), each.message) for each in kept]
        return stayed or [("verification", verdict.status, reason)]

    def severity_of(self, found: Diagnostic) -> Severity:
        """Return how grave a finding is: what the exit code comes from is no note."""
        return "warning" if found.severity == "note" and found in self.counted else found.severity


def sentence(found: Diagnostic) -> str:
    """Return a finding in one line, with what to do about it."""
    return f"{found.message} ({found.hint})" if found.hint else found.message


def sentence_with_fix(found: Diagnostic) -> str:
    """Return a finding in one line, with what was done about it if it was mended."""
    if found.fix is not None and found.is_mended:
        return f"{sentence(found)} - mended: {found.fix.message}"
    return sentence(found)


def sentence_of(error: GruLowerError) -> str:
    """Return an error in one line, with the node it is about."""
    return f"{error.node}: {error.message}" if error.node else error.message


def advice_of(error: GruLowerError) -> str:
    """Return an error in one line, with what to do about it."""
    return f"{sentence_of(error)} ({error.hint})" if error.hint else sentence_of(error)


def spelled_error(error: GruLowerError) -> str:
    """Return an error as a person reads it."""
    said = f"error{f' {error.code}' if error.code else ''}: {sentence_of(error)}"
    return f"{said}\n  hint: {error.hint}" if error.hint else said


def largest_error(report: Report) -> str:
    """Return how far two models are apart."""
    verdict = report.verification
    where = f" at {verdict.worst.output}{list(verdict.worst.index)}" if verdict.worst else ""
    return "no figures" if verdict.max_abs_error is None else f"largest error {verdict.max_abs_error:.2g}{where}"


def outcome_of(run: Run) -> dict[str, Any]:
    """Return what came of one model, as an object of ``schema/batch-1.json``."""
    from gru_lower.batching.job import Outcome

    error = run.error
    said = None if error is None else {"code": error.code, "message": sentence_of(error), "hint": error.hint}
    exit_code = int(run.failed) if error is None else error.exit_code
    output = None if run.report is None or run.report.output is None else run.report.output.path
    report = None if run.report is None else run.report.to_dict()
    return Outcome(run.path, output, exit_code, report, said, run.seconds).to_dict()


def run_of(outcome: Outcome, command: str) -> Run:
    """Return what came of one model of many, as the formats of reports take it.

    Args:
        outcome: What came of it.
        command: What was done with each.

    """
    from gru_lower.errors import Unsupported
    from gru_lower.report.read_report import report_of

    said = outcome.error
    error = None if said is None else Unsupported(said["message"], code=said["code"], hint=said["hint"])
    report = None if outcome.report is None else report_of(outcome.report)
    return Run(outcome.model, report, error, command, outcome.seconds, failed=bool(outcome.exit_code))
