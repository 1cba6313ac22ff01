"""What is left in a rewritten model that the target does not take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Remaining
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import opset_of
from gru_lower.rewriting.assumed_lengths import POSITIVE
from gru_lower.rewriting.remaining_codes import GRU, OPERATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report

KEPT = ("GL301", "GL302", "GL303", "GL304", "GL306", "GL307", "GL308")
"""Why a GRU was not lowered."""


def find_remaining(model: Model, target: str, said: Sequence[Diagnostic], assume: str = "nothing") -> list[Diagnostic]:
    """Return what a target does not take of a model, each node with the limit and what would help.

    Args:
        model: The model, rewritten.
        target: The name of a profile, or the path of one.
        said: What was said so far; of GRUs that were kept, why.
        assume: What is promised of sequence_lens.

    """
    from gru_lower.targets import read_profile
    from gru_lower.targets.find_unsupported_nodes import find_unsupported_nodes
    from gru_lower.targets.helpful_flags import NOTHING_ELSE

    profile = read_profile.load(target)
    kept = {(each.scope, output_of(each.node)): each for each in said if each.code in KEPT}
    found: list[Diagnostic] = []
    facts = Facts(model, computed=True, positive_lengths=assume == POSITIVE)
    for each in find_unsupported_nodes(model, profile, facts):
        message, hint, code = each.message, each.hint, OPERATOR
        if each.kind != "operator":
            code, reason = GRU, kept.get((each.scope, output_of(each.site)))
            message += f", and {reason.message}" if reason else ""
            hint = reason.hint if reason and "--form auto" in reason.hint else hint
            convert = f"--opset {profile.best_opset}"
            if reason and reason.code == "GL307" and (convert in reason.hint or hint == f"add {convert}"):
                hint = f"add {convert}" if convert in reason.hint else NOTHING_ELSE
            elif hint.startswith("add --fix-dim") and convert not in hint:
                more = profile.unwritten(opset_of(model.proto)) - profile.unwritten(profile.best_opset)
                hint = f"{hint} {convert}" if more else hint
        found.append(diagnostic(code, message, scope=each.scope, node=each.site, hint=hint))
    return found


def with_their_hints(said: Sequence[Diagnostic], remaining: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return what was said of kept GRUs with the hints of what is left, which are about the same GRUs and know more.

    Args:
        said: What was said so far.
        remaining: What :func:`find_remaining` found.

    """
    hints = {(each.scope, output_of(each.node)): each.hint for each in remaining if each.code == GRU}
    places = [(each.scope, output_of(each.node)) if each.code in KEPT else None for each in said]
    return [
        replace(each, hint=hints[place]) if place in hints else each for each, place in zip(said, places, strict=True)
    ]


def output_of(site: str) -> str:
    """Return the output in a site's id, which other edits do not change as they do the number."""
    return site.rpartition("#")[2].partition(":")[2]


def remaining_in(report: Report) -> list[Diagnostic]:
    """Return what a report says is left that the target does not take."""
    return [found for found in report.diagnostics if found.code in (GRU, OPERATOR)]


def refuse_remaining(report: Report, target: str) -> None:
    """Refuse a result that holds what the target does not take.

    Raises:
        Remaining: Naming each node, the limit and what would help.

    """
    found = remaining_in(report)
    if found:
        each = "; ".join(f"{one.node}: {one.message} ({one.hint})" for one in found)
        raise Remaining(f"{target} does not take what is left: {each}", code=found[0].code, hint=found[0].hint)
