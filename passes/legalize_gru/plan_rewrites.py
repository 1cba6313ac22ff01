"""Which rewrites make a GRU one that a target runs right: the fewest that do, in the order below.

A plan is chosen by what it leaves, in this order: GRUs that can neither stay nor be lowered; directions that have to be
lowered; rewrites (:class:`Cost`). So a GRU is only rewritten where that serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.gru.possible_forms import possible_forms
from gru_lower.passes.legalize_gru.apply_plans import Plan
from gru_lower.passes.legalize_gru.legalize_activation_parameters import LegalizeActivationParameters
from gru_lower.passes.legalize_gru.legalize_activations import LegalizeActivations
from gru_lower.passes.legalize_gru.legalize_bias import LegalizeBias
from gru_lower.passes.legalize_gru.legalize_bidirectional import LegalizeBidirectional
from gru_lower.passes.legalize_gru.legalize_cast import LegalizeCast
from gru_lower.passes.legalize_gru.legalize_forward import LegalizeForward
from gru_lower.passes.legalize_gru.legalize_hidden_size import LegalizeHiddenSize
from gru_lower.passes.legalize_gru.legalize_initial_state import LegalizeInitialState
from gru_lower.passes.legalize_gru.legalize_last_state import LegalizeLastState
from gru_lower.passes.legalize_gru.legalize_layout import LegalizeLayout
from gru_lower.passes.legalize_gru.legalize_outputs import LegalizeOutputs
from gru_lower.passes.legalize_gru.legalize_reset import LegalizeReset
from gru_lower.passes.legalize_gru.legalize_reverse import LegalizeReverse
from gru_lower.passes.legalize_gru.legalize_sequence_lens import LegalizeSequenceLens
from gru_lower.targets.judge_gru import judge
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.apply_plans import Rewrite
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits, KnownConstant
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings
    from gru_lower.targets.profile import Profile

REWRITES: tuple[Rewrite, ...] = (
    LegalizeCast(),
    LegalizeLayout(),
    LegalizeBidirectional(),
    LegalizeReverse(),
    LegalizeSequenceLens(),
    LegalizeReset(),
    LegalizeBias(),
    LegalizeInitialState(),
    LegalizeLastState(),
    LegalizeOutputs(),
    LegalizeHiddenSize(),
    LegalizeForward(),
    LegalizeActivations(),
    LegalizeActivationParameters(),
)


IDLE: dict[KnownConstant, str] = {"zero_initial_h": "no_initial_h", "full_lens": "no_lens"}
"""What is known of a constant input that a lowering leaves out: the option of a GRU without it."""


class Cost(NamedTuple):
    """What a plan leaves to be done and what it does, in the order in which plans are compared.

    Attributes:
        refused: Directions of GRUs that can neither stay nor be lowered.
        lowered: Directions of GRUs that have to be lowered.
        rewrites: Rewrites done.

    """

    refused: int = 0
    lowered: int = 0
    rewrites: int = 0


class _Found(NamedTuple):
    """A plan, ``None`` for leaving a GRU as it is, and what it costs."""

    cost: Cost
    plan: Plan | None


class Planner:
    """Plans for one target.

    Args:
        profile: The target.

    """

    def __init__(self, profile: Profile) -> None:
        """Plan nothing yet."""
        self.profile = profile

    def plan(self, gru: GruTraits, settings: RewriteSettings) -> Plan | None:
        """Return the plan for a GRU, ``None`` where it stays, or is lowered, as it is."""
        known: dict[tuple[int, frozenset[str], str], _Found] = {}

        def best(gru: GruTraits, first: int) -> _Found:
            """Return the best plan of the rewrites from a place in :data:`REWRITES` on."""
            key = (first, gru.options, repr(gru.spec))
            if key not in known:
                known[key] = search(gru, first)
            return known[key]

        def search(gru: GruTraits, first: int) -> _Found:
            found = _Found(self._cost_as_it_is(gru, settings), None)
            for rank in range(first, len(REWRITES)):
                if found.cost == Cost():
                    break
                after = REWRITES[rank].outcomes(gru, settings)
                if after is None:
                    continue
                parts = [best(each, rank + 1) for each in after]
                refused, lowered, rewrites = (sum(counts) for counts in zip(*(cost for cost, _ in parts), strict=True))
                cost = Cost(refused, lowered, 1 + rewrites)
                if cost < found.cost:
                    found = _Found(cost, Plan(REWRITES[rank], tuple(plan for _, plan in parts)))
            return found

        return best(gru, 0).plan

    def why_none(self, gru: GruTraits) -> str:
        """Return why a GRU has no plan: the target runs it right as it is, or no rewrite makes it so."""
        found = judge(self.profile, "gru", gru.options)
        if found.verdict == "right":
            return "no rewrite is needed: the target runs it right"
        return f"no rewrite would serve: {found.why or 'it is not known whether the target runs it'}"

    def _cost_as_it_is(self, gru: GruTraits, settings: RewriteSettings) -> Cost:
        """Return what a GRU costs that no rewrite is done to any more."""
        if judge(self.profile, "gru", gru.options).verdict == "right":
            return Cost()
        possible = possible_forms(gru.spec.seq_length, settings.opset)
        idle = [option for known, option in IDLE.items() if known in gru.known]
        lowered = with_options(gru.options, *idle)
        can_be_lowered = any(
            form in possible and judge(self.profile, form, lowered).verdict in ("right", "unknown")
            for form in self.profile.forms
        )
        directions = gru.spec.num_directions
        return Cost(lowered=directions) if can_be_lowered else Cost(refused=directions)
