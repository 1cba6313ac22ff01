"""A GRU of a model against a target's profile: does the target run it, and in which forms does it take it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from gru_lower.diagnostics import diagnostic
from gru_lower.gru.constant_inputs import has_full_lengths
from gru_lower.targets import read_profile
from gru_lower.targets.features import options_of, with_options
from gru_lower.targets.judge_options import UNVERIFIED, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.targets.judge_options import Judgement
    from gru_lower.targets.profile import Profile

RUNS_RIGHT = "the target runs it right"


def spelled(target: str) -> str:
    """Return a target's name or path as an option of a pass may hold it."""
    return quote(target, safe="/\\:.~")


def profile_of(target: str) -> Profile | None:
    """Return the profile an option of a pass names, ``None`` where it names none."""
    return read_profile.load(unquote(target)) if target else None


def options_at(scope: Scope, index: int, spec: GruSpec, facts: Facts) -> frozenset[str]:
    """Return the options a GRU takes where it stands.

    Args:
        scope: Where.
        index: Which node.
        spec: What was read from it.
        facts: The side table of the model.

    """
    computed = frozenset(
        key for key in ("W", "R", "B") if key in spec.inputs and facts.constant(scope, spec.inputs[key]) is None
    )
    lens = None
    if "sequence_lens" in spec.inputs:
        values = facts.array(scope, spec.inputs["sequence_lens"])
        lens = None if values is None else frozenset(int(value) for value in values.flat)
    shape = facts.shape(scope, spec.inputs["X"])
    symbolic = shape is not None and not isinstance(shape[1 - spec.layout], int)
    return options_of(spec, facts.node(scope, index), scope.opset, computed, lens, symbolic_batch=symbolic)


@dataclass(frozen=True)
class Wish:
    """What a target wants of one GRU.

    Attributes:
        forms: What it may become, the best first.
        keep: Whether the target runs it right as it is.
        refused: Why it may not become other forms.
        judgements: What the target makes of the node (``"gru"``) and of each form.
        label: The target's name and version.

    """

    forms: Sequence[str]
    keep: bool = False
    refused: str = ""
    judgements: dict[str, Judgement] = field(default_factory=dict)
    label: str = ""

    def because(self, code: str | None) -> str:
        """Return what to add to the reason a GRU was kept for."""
        return f" here: {self.refused}" if code == "GL308" and self.refused else ""

    def doubts(self, column: str) -> list[Diagnostic]:
        """Return the doubt about keeping the node, or about a form, where that was not run."""
        return unverified(self.label, self.judgements[column]) if column in self.judgements else []


def wish_of(
    profile: Profile | None, forms: Sequence[str], scope: Scope, index: int, spec: GruSpec, facts: Facts
) -> Wish:
    """Return what a target wants of a GRU; without one, any of the forms will do."""
    if profile is None:
        return Wish(forms)
    options = options_at(scope, index, spec, facts)
    lowered = with_options(options, "no_lens") if has_full_lengths(scope, spec, facts) else options
    judgements = {"gru": judge(profile, "gru", options)}
    judgements |= {form: judge(profile, form, lowered) for form in profile.forms}
    taken = [form for form in profile.forms if judgements[form].verdict in ("right", "unknown")]
    refused = next((judgements[form].why for form in profile.forms if form not in taken), "")
    return Wish(taken, judgements["gru"].verdict == "right", refused, judgements, profile.label)


def unverified(label: str, judgement: Judgement) -> list[Diagnostic]:
    """Return the doubt where a decision rests on what was read, or not even that."""
    if judgement.evidence == "run":
        return []
    reason = judgement.why or f"what {label} takes was read, not run ({judgement.source})"
    return [diagnostic("GL451", f"{UNVERIFIED}; {reason}")]
