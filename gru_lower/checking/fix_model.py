"""``gru-lower check --fix``: fixing what a check finds.

1. Fixes that change what the model computes, to what it should have computed, come first.
2. Then those after which it computes the same: this is verified, against the model as it is after 1.
3. Each rule looks again after it has fixed something, until it finds nothing more to fix.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.checking.all_rules import RULES
from gru_lower.checking.check_model import check_model, found
from gru_lower.checking.checked_model import CheckedModel
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context
from gru_lower.report.run_report import count_ops, file_of
from gru_lower.rewriting.result import Result
from gru_lower.targets import read_profile
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.verify_site import site_verifier
from gru_lower.verification.verify_rewrite import verdict_diagnostics, verify_rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

    from gru_lower.checking.code_selection import CodeSelection
    from gru_lower.checking.rule import Rule
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.site import Site

MOST_ROUNDS = 10
"""A rule that still finds something to fix after so many rounds does not fix it."""


@dataclass(frozen=True)
class FixOptions:
    """What to look for, and what to fix of it.

    Attributes:
        target: The name or path of a profile.
        wanted: Which codes are asked for.
        unsafe: Whether unsafe fixes are made, too.

    """

    target: str | None = None
    wanted: CodeSelection | None = None
    unsafe: bool = False


def fix_model(
    held: Model,
    how: FixOptions,
    options: VerifyOptions | None,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    evidence: bool = False,
) -> Result[onnx.ModelProto]:
    """Fix a model that has been read already; see :func:`gru_lower.fix`.

    Args:
        held: The model; edited in place.
        how: What to fix.
        options: How to verify, ``None`` not to.
        progress: Called with ``(what, done, total)``.
        evidence: Whether the report is to hold what a page of it shows.

    Returns:
        The model and a report: what was fixed, each finding with its fix applied, and what is left.

    """
    before = check_model(held, how.target, how.wanted)
    original = held.copy() if evidence else held
    options = None if options is None else replace(options, evidence=evidence)
    first, counts = file_of(held), before.op_counts["before"]
    applied: list[Diagnostic] = []
    sites: list[Site] = []
    with site_verifier(options) as judge:
        ctx = Context(keep_changes=options is not None, judge=judge, progress=progress or _silent)
        for rule in RULES:
            if not rule.keeps_results:
                _fix_rule(rule, held, how, ctx, applied, sites)
        corrected = held.copy()
        first_same = len(sites)
        for rule in RULES:
            if rule.keeps_results:
                _fix_rule(rule, held, how, ctx, applied, sites)
    kept = sites[first_same:]
    report = check_model(held, how.target, how.wanted)
    report.input, report.op_counts = first, {"before": counts, "after": count_ops(held)}
    report.sites = sites + [site for site in report.sites if site.site not in {each.site for each in sites}]
    report.diagnostics[:0] = [replace(each, fix=replace(each.fix, applied=True)) for each in applied if each.fix]
    same = any(site.action == "fixed" for site in kept)
    if not held.modified or not same:
        why = f"{_codes(sites)} changes what the model computes, on purpose: there is nothing to compare with"
        report.verification = not_run(why if held.modified else "nothing was changed")
    elif options is None:
        report.verification = not_run("not asked for")
    else:
        report.verification = verify_rewrite(corrected, held, kept, options, progress or _silent)
        if codes := _codes(sites[:first_same]):
            beside = f"compared with the model as {codes} left it, which computes something else, on purpose"
            said = "; ".join(filter(None, (report.verification.message, beside)))
            report.verification = replace(report.verification, message=said)
        report.diagnostics += verdict_diagnostics(report.verification, given=options.inputs is not None)
    for site in sites:
        site.change = None
    if evidence:
        from gru_lower.rewriting.collect_evidence import collect_evidence

        compared = options if report.verification.evidence is not None else None
        report.evidence = collect_evidence(original, held, report.verification, report.sites, compared)
    return Result(report, held)


def unapplied(report: Report) -> Report:
    """Return the report of fixes that were not kept: nothing counts as fixed."""
    left = [replace(each, fix=each.fix and replace(each.fix, applied=False)) for each in report.diagnostics]
    return replace(report, diagnostics=left)


def _fix_rule(
    rule: Rule, held: Model, how: FixOptions, ctx: Context, applied: list[Diagnostic], sites: list[Site]
) -> None:
    if rule.fix is None:
        return
    target = None if how.target is None else read_profile.load(how.target)
    for _ in range(MOST_ROUNDS):
        checked = CheckedModel(held, target)
        todo = [each for each in found(rule, checked, how.wanted) if each.fix and (each.fix.safe or how.unsafe)]
        done = rule.fix(checked, todo, ctx) if todo else []
        sites += done
        fixed = {site.site for site in done if site.action == "fixed"}
        applied += [each for each in todo if each.node in fixed]
        if not fixed:
            return


def _codes(sites: Sequence[Site]) -> str:
    return " and ".join(sorted({site.code for site in sites if site.action == "fixed" and site.code}))


def _silent(_what: str, _done: int, _total: int) -> None:
    return None
