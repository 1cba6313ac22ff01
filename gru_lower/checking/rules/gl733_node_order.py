"""GL733: nodes that stand in front of what they use; fixed by writing them in order.

Every model is read in order, so that no pass meets another one; the rule reports what reading found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix
from gru_lower.graph.model import UNSORTED
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="nodes written behind what they use")


def unsorted_nodes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Yield what reading the model found."""
    yield from (replace(note, fix=FIX) for note in checked.model.notes if note.code == UNSORTED)


def write_order(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Have the nodes written in the order they were put into."""
    del ctx
    model = checked.model
    model.modified, model.notes = True, [note for note in model.notes if note.code != UNSORTED]
    return [Site(each.node, each.scope, "", None, "fixed", code=UNSORTED, message=FIX.message) for each in found]


RULES = (Rule((UNSORTED,), unsorted_nodes, write_order),)
