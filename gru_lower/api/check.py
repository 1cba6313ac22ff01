"""``gru_lower.check``: look for what would go wrong with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import CheckingOptions
from gru_lower.api.public_call import public_call
from gru_lower.api.report_page import report_page
from gru_lower.checking.baseline import Baseline, CheckedFor, read_baseline
from gru_lower.checking.check_model import check_model
from gru_lower.checking.code_selection import CodeSelection
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report


class CheckArguments(CheckingOptions, OneModel):
    """The arguments of :func:`check`."""


@public_call(CheckArguments)
def check(given: CheckArguments) -> Report:
    """Look for what would go wrong with a model, without changing it.

    Returns:
        The report; its diagnostics are the findings, each with the fix that :func:`gru_lower.fix` would make.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: There is no such target, no such code, or the baseline cannot be read or written.

    """
    wanted, known = wanted_codes(given), known_findings(given)
    with report_page(given) as write:
        model = interop.read(given.model).model
        report = check_model(model, given.target, wanted, evidence=given.wants_evidence)
        report = judged(report, model, given, known)
        write(report)
    if known is not None and given.write_baseline:
        known.write()
    return report


def known_findings(options: CheckingOptions) -> Baseline | None:
    """Return the baseline that is asked for.

    Raises:
        Unsupported: It cannot be read, or is to be written and not named.

    """
    if options.baseline is None:
        if options.write_baseline:
            hint = "name it with --baseline FILE"
            raise Unsupported("the baseline to write is not named", code="GL008", hint=hint)
        return None
    return read_baseline(Path(options.baseline), may_be_new=options.write_baseline)


def judged(report: Report, model: Model, options: CheckingOptions, known: Baseline | None) -> Report:
    """Return a report with its findings told apart by a baseline; they go into it where that is asked for."""
    if known is None:
        return report
    looked_for = CheckedFor(wanted_codes(options), options.target or "")
    return (known.take if options.write_baseline else known.judge)(report, model, looked_for)


def wanted_codes(options: CheckingOptions) -> CodeSelection:
    """Return which codes are asked for.

    Raises:
        Unsupported: There is no such code.

    """
    return CodeSelection(tuple(options.select), tuple(options.ignore))
