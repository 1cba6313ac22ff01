"""Which forms a target accepts for one GRU: the node itself, if the target runs it right, and lowered forms."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.diagnostics import DOUBT, diagnostic
from gru_lower.gru.constant_inputs import has_full_lengths, has_known_lengths, has_zero_initial_state
from gru_lower.gru.quantised_weights import quantised_weights
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.targets.judge_gru import Judgement
    from gru_lower.targets.profile import Profile

RUNS_RIGHT = "the target runs it right"
STEPWISE = ("step", "unroll")
"""The forms in which every step is written by itself."""


@dataclass(frozen=True)
class AcceptedForms:
    """What one GRU may become for a target.

    Attributes:
        forms: What it may become, the best first.
        keep: Whether the target runs the node right as it is.
        refused: Why it may not become other forms.
        judgements: What the target makes of the node (``"gru"``) and of each form.
        label: The target's name and version.
        quantised: As what, the node (``"gru"``) or a form, it runs weights right that a DequantizeLinear makes; any if
            ``None``.
        named: Whether it runs the node right once the empty name of its Y_h is another.
        last_state: Whether it runs the node right with Y_h as its only output, too.

    """

    forms: Sequence[str]
    keep: bool = False
    refused: str = ""
    judgements: dict[str, Judgement] = field(default_factory=dict)
    label: str = ""
    quantised: frozenset[str] | None = None
    named: bool = False
    last_state: bool = False

    def because(self, code: str | None) -> str:
        """Return what to add to the reason a GRU was kept for."""
        return f" here: {self.refused}" if code == "GL308" and self.refused else ""

    def takes_quantised(self, column: str) -> bool:
        """Whether weights may stay quantised in the node (``"gru"``) or in a form."""
        return self.quantised is None or column in self.quantised

    def doubts(self, column: str) -> list[Diagnostic]:
        """Return a warning about the node (``"gru"``) or a form if the verdict on it was read, not run."""
        return warn_if_not_run(self.label, self.judgements[column]) if column in self.judgements else []


def accepted_forms(
    profile: Profile | None, forms: Sequence[str], scope: Scope, index: int, spec: GruSpec, facts: Facts
) -> AcceptedForms:
    """Return what a GRU may become for a target.

    Args:
        profile: The target; without one, all forms are accepted.
        forms: The forms to choose from where there is no target.
        scope: The scope of the node.
        index: Its index there.
        spec: What was read from it.
        facts: What is known of the model's values.

    """
    if profile is None:
        return AcceptedForms(forms)
    from gru_lower.targets.alike_axes import alike_axes  # what it takes to judge a target is imported for one
    from gru_lower.targets.gru_options import options_at
    from gru_lower.targets.judge_gru import judge
    from gru_lower.targets.option_axes import with_options

    options = options_at(scope, index, spec, facts)
    idle = ["no_lens"] if has_full_lengths(scope, spec, facts) else []
    idle += ["no_initial_h"] if has_zero_initial_state(scope, spec, facts) else []
    lowered = with_options(options, *idle)
    judgements = {"gru": judge(profile, "gru", options)}
    # Written step by step, constant lengths are a choice of rows that is made beforehand.
    stepwise = with_options(lowered, "no_lens") if has_known_lengths(scope, spec, facts) else lowered
    by_form = {form: stepwise if form in STEPWISE else lowered for form in profile.forms}
    judgements |= {form: judge(profile, form, by_form[form]) for form in profile.forms}
    taken = [form for form in profile.forms if judgements[form].verdict in ("right", "unknown")]
    refused = next((judgements[form].why for form in profile.forms if form not in taken), "")
    named = "blank_Y_h" in options and judgements["gru"].verdict != "right"
    if named:
        judgements["gru"] = judge(profile, "gru", with_options(options, "both_outputs"))
    keep = judgements["gru"].verdict == "right" and not alike_axes(profile, scope, spec)
    last_state = keep and judge(profile, "gru", with_options(options, "only_Y_h")).verdict == "right"
    quantised = _takes_quantised(
        profile, scope, spec, facts, {"gru": options} | {form: by_form[form] for form in taken}
    )
    return AcceptedForms(taken, keep, refused, judgements, profile.label, quantised, named, last_state)


def _takes_quantised(
    profile: Profile, scope: Scope, spec: GruSpec, facts: Facts, options: dict[str, frozenset[str]]
) -> frozenset[str]:
    """Return as what a target runs a GRU right whose weights stay quantised, by the options it has as each."""
    from gru_lower.targets.judge_gru import judge
    from gru_lower.targets.option_axes import with_options

    found = [quantised_weights(scope, spec.inputs[key], facts) for key in ("W", "R", "B") if key in spec.inputs]
    if any(each and not each.is_right(profile.quantised_weights) for each in found):
        return frozenset()
    computed = {column: with_options(each, "computed_weights") for column, each in options.items()}
    return frozenset(column for column, each in computed.items() if judge(profile, column, each).verdict == "right")


def warn_if_not_run(label: str, judgement: Judgement) -> list[Diagnostic]:
    """Return a warning where a verdict was not run: what the target takes was read, or is unknown."""
    if judgement.evidence == "run":
        return []
    from gru_lower.targets.judge_gru import UNVERIFIED

    reason = judgement.why or f"what {label} takes was read, not run ({judgement.source})"
    return [diagnostic(DOUBT, f"{UNVERIFIED}; {reason}")]
