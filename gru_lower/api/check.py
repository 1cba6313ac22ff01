"""``gru_lower.check``: look for what would go wrong with a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower import interop
from gru_lower.api.options import CheckingOptions, OneModel
from gru_lower.api.public_call import public_call
from gru_lower.checking.check_model import check_model
from gru_lower.checking.code_selection import CodeSelection

if TYPE_CHECKING:
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
        Unsupported: There is no such target, or no such code.

    """
    wanted = wanted_codes(given)
    source = interop.read(given.model)
    return check_model(source.model, given.target, wanted)


def wanted_codes(options: CheckingOptions) -> CodeSelection:
    """Return which codes are asked for.

    Raises:
        Unsupported: There is no such code.

    """
    return CodeSelection(tuple(options.select), tuple(options.ignore))
