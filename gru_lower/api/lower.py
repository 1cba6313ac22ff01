"""``gru_lower.lower``: replace GRU nodes by operators that every runtime has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.lower_model import lower_model
from gru_lower.api.options import LoweringOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.rewriting.remaining_nodes import refuse_remaining
from gru_lower.rewriting.result import restore_kind

if TYPE_CHECKING:
    from gru_lower.rewriting.result import Result


class LowerArguments(LoweringOptions, OneModel):
    """The arguments of :func:`lower`."""


@rewriting_call(LoweringOptions, LowerArguments)
def lower(given: LowerArguments) -> Result[Any]:
    """Replace every GRU node by operators that every runtime has, and check that the model still computes the same.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model or the target.
        Remaining: Something is left that the target does not take; the message names each node and the limit.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = lower_model(source.model, given)
        write(result.report)
    if given.target is not None:
        refuse_remaining(result.report, given.target)
    return restore_kind(result, source)
