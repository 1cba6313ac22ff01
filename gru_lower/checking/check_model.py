"""Checking a model: rules look at it, each says what it finds, with a code; nothing is changed.

A rule is a function from a :class:`Subject` to diagnostics, and stands in :data:`RULES` with the codes it may give.
Rules that need a target are left out where none is named.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gru_lower.checking import target_rules
from gru_lower.checking.rule import Rule, Subject
from gru_lower.checking.rules import (
    attributes,
    baked_length,
    dead_cells,
    execution_providers,
    frozen_state,
    fusable,
    lost_bias,
    scan_outputs,
    torch_reset,
    weights_as_inputs,
)
from gru_lower.diagnostics import CODES
from gru_lower.errors import Unsupported
from gru_lower.graph import external_data
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.targets import read_profile
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.targets.profile import Profile


def _of_target(
    rule: Callable[[Model, Facts, Profile], Iterable[Diagnostic]],
) -> Callable[[Subject], Iterable[Diagnostic]]:
    def run(subject: Subject) -> Iterable[Diagnostic]:
        return rule(subject.model, subject.facts, subject.target) if subject.target is not None else ()

    return run


RULES: tuple[Rule, ...] = (
    *attributes.RULES,
    *torch_reset.RULES,
    *scan_outputs.RULES,
    *baked_length.RULES,
    *frozen_state.RULES,
    *weights_as_inputs.RULES,
    *lost_bias.RULES,
    *dead_cells.RULES,
    *execution_providers.RULES,
    *fusable.RULES,
    Rule(("GL701", "GL702", "GL703"), _of_target(target_rules.grus), for_target=True),
    Rule(("GL704",), _of_target(target_rules.operators), for_target=True),
    Rule(("GL705",), _of_target(target_rules.opset), for_target=True),
    Rule(("GL706",), _of_target(target_rules.shapes), for_target=True),
)


@dataclass(frozen=True)
class Wanted:
    """Which codes are asked for.

    Attributes:
        select: Codes or their beginnings; all codes if empty.
        ignore: Codes or their beginnings that are not, even if selected.

    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no code begins with."""
        for word in (*self.select, *self.ignore):
            if not any(code.startswith(word) for code in CODES) or not word:
                raise unknown_code(word)

    def __contains__(self, code: str) -> bool:
        """Whether a code is asked for."""
        chosen = not self.select or code.startswith(self.select)
        return chosen and not (self.ignore and code.startswith(self.ignore))


def unknown_code(word: str) -> Unsupported:
    """Return the error for what is no code."""
    near = difflib.get_close_matches(word.upper(), CODES, n=1)
    hint = f"did you mean {near[0]}?" if near else "docs/diagnostics lists them; GL7 stands for all that begin so"
    return Unsupported(f"there is no code {word!r}", code="GL008", hint=hint)


def check_model(held: Model, target: str | None = None, wanted: Wanted | None = None) -> Report:
    """Do what :func:`gru_lower.check` does for a model that has been read already.

    Args:
        held: The model; not changed.
        target: The name or path of a profile.
        wanted: Which codes are asked for, all by default.

    """
    external_data.check(held.proto, held.base_dir)
    subject = Subject(held, None if target is None else read_profile.load(target))
    counts = count_ops(held.proto)
    report = Report(
        "check", file_of(held), not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
    )
    for gru in subject.grus:
        site = Site(gru.site, gru.scope.path, gru.node.name, gru.parsed.spec, "seen")
        if gru.parsed.spec is None:
            site.code, site.message = gru.parsed.diagnostics[-1].code, gru.parsed.diagnostics[-1].message
        report.sites.append(site)
    for rule in RULES:
        report.diagnostics += [each for each in found(rule, subject, wanted) if each not in report.diagnostics]
    return report


def found(rule: Rule, subject: Subject, wanted: Wanted | None) -> Iterator[Diagnostic]:
    """Yield what a rule finds of the codes that are asked for; a rule that needs a target finds nothing without one."""
    if rule.for_target and subject.target is None:
        return
    if wanted is None or any(code in wanted for code in (*rule.codes, *(("GL451",) if rule.for_target else ()))):
        yield from (each for each in rule.run(subject) if wanted is None or each.code in wanted)


def findings(report: Report) -> list[Diagnostic]:
    """Return what makes a check fail: what is not mended, but for notes and the doubt that a target was only read."""
    return [
        each
        for each in report.diagnostics
        if each.severity != "note" and each.code != "GL451" and not (each.fix and each.fix.applied)
    ]
