"""GL734: a value that is used and that nothing makes; no runtime loads such a model.

Tools write such: what only a body reads is taken for unused and removed, a weight that two nodes share is renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.undefined_values import UNDEFINED, undefined_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic


def undefined(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find values that nothing makes, each once for each scope that uses it."""
    for each in undefined_values(checked.scopes):
        yield diagnostic(UNDEFINED, each.message, scope=each.scope, node=each.node)


RULES = (Rule((UNDEFINED,), undefined),)
