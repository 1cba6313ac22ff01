"""Legalising a model that has been read: GRUs rewritten for a target, the rest lowered, and nothing else left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gru_lower.errors import Remaining
from gru_lower.rewriting.rewrite_model import Result, for_target, lower_model, lowering
from gru_lower.targets import read_profile
from gru_lower.targets.accepted_forms import RUNS_RIGHT
from gru_lower.targets.target_option import quoted_target
from gru_lower.verification.comparing.tolerance import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.site import Site

LEFT = ("GL452", "GL453")


@dataclass(frozen=True)
class LegalizeHow:
    """What to legalise for, and how far.

    Attributes:
        target: The name or path of a profile.
        opset: Convert the whole model to this opset first.
        fix_dims: Static lengths to write into the model first.
        zero_length_state: What Y_h is for a sequence of length 0: ``"zero"`` or ``"initial"``.
        allow_cast: Whether a GRU may be computed in another type.

    """

    target: str
    opset: int | None = None
    fix_dims: dict[str, int] = field(default_factory=dict)
    zero_length_state: str = "zero"
    allow_cast: bool = False


def pipeline_of(model: Model, how: LegalizeHow) -> str:
    """Return the pipeline as ``--passes`` spells it.

    Raises:
        Unsupported: There is no such target, or the model has a dim or an opset it does not take.

    """
    more = for_target(model, how.target, how.fix_dims, how.opset)
    before, _, lower = lowering("auto", how.zero_length_state, how.opset, **more).rpartition("lower-gru{")
    cast_to = read_profile.load(how.target).dtypes[0] if how.allow_cast else ""
    options = f"target={quoted_target(how.target)},cast_to={cast_to},zero_length_state={how.zero_length_state}"
    return f"{before}legalize-gru{{{options}}},lower-gru{{{lower}"


def legalize_model(
    held: Model,
    how: LegalizeHow,
    options: VerifyOptions | None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Result:
    """Do what :func:`gru_lower.legalize` does for a model that has been read already, but for raising what remains.

    Args:
        held: The model; edited in place.
        how: For what, and how far.
        options: How to verify, ``None`` not to.
        progress: Called with ``(what, done, total)``.

    """
    if options is not None and how.allow_cast:
        limits = DEFAULTS[read_profile.load(how.target).dtypes[0]]
        rtol = limits.rtol if options.rtol is None else options.rtol
        options = replace(options, rtol=rtol, atol=limits.atol if options.atol is None else options.atol)
    result = lower_model(
        held,
        pipeline_of(held, how),
        options,
        progress,
        fix_dims=how.fix_dims or None,
        target=how.target,
        command="legalize",
    )
    result.report.sites = _one_each(result.report.sites)
    return result


def _one_each(sites: list[Site]) -> list[Site]:
    """Return one entry for each GRU there was: passes before lower-gru move nodes, and so change their numbers.

    What lower-gru says of a GRU takes the place of "left alone"; what it says of those that came of a rewrite stays
    only where it had something to do.
    """
    found: dict[tuple[str, str], Site] = {}
    for site in sites:
        key = site.scope, site.site.rpartition("#")[2].partition(":")[2]
        before = found.get(key)
        if before is None:
            if site.message != RUNS_RIGHT:
                found[key] = site
        elif before.action == "kept":
            found[key] = replace(site, site=before.site)
    return list(found.values())


def remaining(report: Report) -> list[Diagnostic]:
    """Return what is left in a model that the target does not take."""
    return [found for found in report.diagnostics if found.code in LEFT]


def refuse_remaining(report: Report, target: str) -> None:
    """Refuse a result that holds what the target does not take.

    Raises:
        Remaining: Naming each node, the limit and what would help.

    """
    found = remaining(report)
    if found:
        each = "; ".join(f"{one.node}: {one.message} ({one.hint})" for one in found)
        raise Remaining(f"{target} does not take what is left: {each}", code=found[0].code, hint=found[0].hint)
