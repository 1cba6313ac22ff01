"""Checking a model: rules look at it, each says what it finds, with a code; nothing is changed.

A rule is a function from a :class:`Subject` to diagnostics, and stands in :data:`RULES` with the codes it may give.
Rules that need a target are left out where none is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gru_lower.graph import external
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse import parse
from gru_lower.passes import check_target
from gru_lower.passes.base import Site
from gru_lower.report import Report, count_ops, file_of
from gru_lower.targets import profile
from gru_lower.verification.result import not_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.targets.capability import Profile


@dataclass
class Subject:
    """What rules look at.

    Attributes:
        model: The model, as it was read.
        target: The profile to hold it to, ``None`` without one.

    """

    model: Model
    target: Profile | None = None

    @cached_property
    def facts(self) -> Facts:
        """The model's side table, made once for all rules."""
        return Facts(self.model)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        codes: What it may find.
        run: Looks, and yields what it finds.
        for_target: Whether it needs a target.

    """

    codes: tuple[str, ...]
    run: Callable[[Subject], Iterable[Diagnostic]]
    for_target: bool = False


def _of_target(
    rule: Callable[[Model, Facts, Profile], Iterable[Diagnostic]],
) -> Callable[[Subject], Iterable[Diagnostic]]:
    def run(subject: Subject) -> Iterable[Diagnostic]:
        return rule(subject.model, subject.facts, subject.target) if subject.target is not None else ()

    return run


RULES: tuple[Rule, ...] = (
    Rule(("GL701", "GL702", "GL703"), _of_target(check_target.grus), for_target=True),
    Rule(("GL704",), _of_target(check_target.operators), for_target=True),
    Rule(("GL705",), _of_target(check_target.opset), for_target=True),
    Rule(("GL706",), _of_target(check_target.shapes), for_target=True),
)


def check_model(held: Model, target: str | None = None) -> Report:
    """Do what :func:`gru_lower.check` does for a model that has been read already.

    Args:
        held: The model; not changed.
        target: The name or path of a profile.

    """
    external.check(held.proto, held.base_dir)
    subject = Subject(held, None if target is None else profile.load(target))
    counts = count_ops(held.proto)
    report = Report(
        "check", file_of(held), not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
    )
    for scope in walk(held.proto):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                parsed = parse(scope, index, subject.facts)
                site = Site(scope.site(index), scope.path, node.name, parsed.spec, "seen")
                if parsed.spec is None:
                    site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
                report.sites.append(site)
                report.diagnostics += parsed.diagnostics
    for rule in RULES:
        if subject.target is not None or not rule.for_target:
            report.diagnostics += [each for each in rule.run(subject) if each not in report.diagnostics]
    return report


def findings(report: Report) -> list[Diagnostic]:
    """Return what makes a check fail: everything but notes, and the doubt that a target was only read about."""
    return [found for found in report.diagnostics if found.severity != "note" and found.code != "GL451"]
