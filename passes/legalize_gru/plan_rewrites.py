"""Which rewrites make a GRU one that a target runs right: the fewest that do, in the order below.

A plan is chosen by what it leaves, in this order: GRUs that can neither stay nor be lowered; directions that have to be
lowered; rewrites. So a GRU is only rewritten where that serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.legalize_activation_parameters import LegalizeActivationParameters
from gru_lower.passes.legalize_gru.legalize_activations import LegalizeActivations
from gru_lower.passes.legalize_gru.legalize_bias import LegalizeBias
from gru_lower.passes.legalize_gru.legalize_bidirectional import LegalizeBidirectional
from gru_lower.passes.legalize_gru.legalize_cast import LegalizeCast
from gru_lower.passes.legalize_gru.legalize_hidden_size import LegalizeHiddenSize
from gru_lower.passes.legalize_gru.legalize_initial_state import LegalizeInitialState
from gru_lower.passes.legalize_gru.legalize_last_state import LegalizeLastState
from gru_lower.passes.legalize_gru.legalize_layout import LegalizeLayout
from gru_lower.passes.legalize_gru.legalize_outputs import LegalizeOutputs
from gru_lower.passes.legalize_gru.legalize_reset import LegalizeReset
from gru_lower.passes.legalize_gru.legalize_reverse import LegalizeReverse
from gru_lower.passes.legalize_gru.legalize_sequence_lens import LegalizeSequenceLens
from gru_lower.passes.legalize_gru.rewrite import Plan
from gru_lower.targets.judge_gru import judge

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.rewrite import Rewrite
    from gru_lower.passes.legalize_gru.rewritten_gru import Means, Situation
    from gru_lower.targets.profile import Profile

MOVES: tuple[Rewrite, ...] = (
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
    LegalizeActivations(),
    LegalizeActivationParameters(),
)
SCAN_OPSET = 9
Cost = tuple[int, int, int]


class Planner:
    """Plans for one target.

    Args:
        profile: The target.

    """

    def __init__(self, profile: Profile) -> None:
        """Plan nothing yet."""
        self.profile = profile

    def plan(self, at: Situation, means: Means) -> Plan | None:
        """Return the plan for a GRU, ``None`` where it stays, or is lowered, as it is."""
        seen: dict[tuple[int, frozenset[str], str], tuple[Cost, Plan | None]] = {}

        def best(at: Situation, first: int) -> tuple[Cost, Plan | None]:
            key = (first, at.options, repr(at.spec))
            if key not in seen:
                seen[key] = search(at, first)
            return seen[key]

        def search(at: Situation, first: int) -> tuple[Cost, Plan | None]:
            found: tuple[Cost, Plan | None] = (self._left(at, means), None)
            for rank in range(first, len(MOVES)):
                after = MOVES[rank].becomes(at, means)
                if found[0] == (0, 0, 0):
                    break
                if after is None:
                    continue
                parts = [best(each, rank + 1) for each in after]
                costs = [cost for cost, _ in parts]
                cost = (sum(c[0] for c in costs), sum(c[1] for c in costs), 1 + sum(c[2] for c in costs))
                if cost < found[0]:
                    found = (cost, Plan(MOVES[rank], tuple(plan for _, plan in parts)))
            return found

        return best(at, 0)[1]

    def _left(self, at: Situation, means: Means) -> Cost:
        """Return what a GRU costs that no rewrite is done to any more."""
        if judge(self.profile, "gru", at.options).verdict == "right":
            return (0, 0, 0)
        length = at.spec.seq_length
        serves = {
            "step": length == 1,
            "unroll": length is not None,
            "scan": means.opset >= SCAN_OPSET and length != 0,
            "loop": length != 0,
        }
        lowered = any(
            serves[form] and judge(self.profile, form, at.options).verdict in ("right", "unknown")
            for form in self.profile.forms
        )
        return (0, at.spec.num_directions, 0) if lowered else (at.spec.num_directions, 0, 0)
