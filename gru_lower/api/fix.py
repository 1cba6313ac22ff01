"""``gru_lower.fix``: mend what a check finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.check import judged, known_findings, wanted_codes
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import FixingOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.checking.fix_model import FixOptions, fix_model
from gru_lower.rewriting.result import restore_kind

if TYPE_CHECKING:
    from gru_lower.rewriting.result import Result


class FixArguments(FixingOptions, OneModel):
    """The arguments of :func:`fix`."""


@rewriting_call(FixingOptions, FixArguments)
def fix(given: FixArguments) -> Result[Any]:
    """Mend what :func:`gru_lower.check` finds and can be mended.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: There is no such target, no such code, or the baseline cannot be read or written.

    """
    what, known = fixes_wanted(given), known_findings(given)
    with report_page(given) as write:
        source = interop.read(given.model)
        result = fix_model(source.model, what, given.how_to_verify(), given.progress, evidence=given.wants_evidence)
        result.report = judged(result.report, result.held, given, known)
        write(result.report)
    if known is not None and given.write_baseline:
        known.write()
    return restore_kind(result, source)


def fixes_wanted(options: FixingOptions) -> FixOptions:
    """Return what to look for, and what to mend of it.

    Raises:
        Unsupported: There is no such code.

    """
    return FixOptions(options.target, wanted_codes(options), options.unsafe)
