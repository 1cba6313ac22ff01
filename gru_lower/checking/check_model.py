"""``gru-lower check``: every rule looks at a model and reports what it finds, each finding with a code.

The model is not changed. Rules that need a target are left out where none is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.all_rules import RULES
from gru_lower.checking.checked_model import CheckedModel
from gru_lower.diagnostics import DOUBT
from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.graph import budget, external_data
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.targets import read_profile
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.code_selection import CodeSelection
    from gru_lower.checking.rule import Rule
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model


def check_model(
    held: Model, target: str | None = None, wanted: CodeSelection | None = None, *, evidence: bool = False
) -> Report:
    """Check a model that has been read already; see :func:`gru_lower.check`.

    Args:
        held: The model; not changed.
        target: The name or path of a profile.
        wanted: Which codes are asked for, all by default.
        evidence: Whether the report is to hold what a page of it shows.

    """
    counts = count_ops(held)
    checked = CheckedModel(held, None if target is None else read_profile.load(target))
    external_data.check(held.proto, held.base_dir, model_file=held.path, scopes=checked.scopes)
    report = Report(
        "check", file_of(held), not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
    )
    for gru in checked.grus:
        site = Site(gru.site, gru.scope.path, gru.node.name, gru.parsed.spec, "seen")
        if gru.parsed.spec is None:
            site.code, site.message = gru.parsed.diagnostics[-1].code, gru.parsed.diagnostics[-1].message
        report.sites.append(site)
    ruled = {code for rule in RULES for code in rule.codes}
    report.diagnostics += [note for note in held.notes if note.code not in ruled]
    with without_garbage_collection():
        for rule in RULES:
            report.diagnostics += [each for each in found(rule, checked, wanted) if each not in report.diagnostics]
    report.diagnostics += [each for each in budget.notes() if wanted is None or each.code in wanted]
    if evidence:
        from gru_lower.rewriting.collect_evidence import collect_evidence

        report.evidence = collect_evidence(held, held, report.verification, report.sites)
    return report


def found(rule: Rule, checked: CheckedModel, wanted: CodeSelection | None) -> Iterator[Diagnostic]:
    """Yield what a rule finds of the codes that are asked for; a rule that needs a target finds nothing without one."""
    if rule.for_target and checked.target is None:
        return
    if wanted is None or any(code in wanted for code in (*rule.codes, *((DOUBT,) if rule.for_target else ()))):
        yield from (each for each in rule.find(checked) if wanted is None or each.code in wanted)


def findings(report: Report) -> list[Diagnostic]:
    """Return the findings that make a check fail: all that are neither fixed nor known, except for notes and GL451."""
    return [each for each in report.diagnostics if each.fails_check]
