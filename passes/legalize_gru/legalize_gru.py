"""The pass ``legalize-gru``: rewrite GRUs into GRUs that a target runs right."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.legalize_gru.apply_plans import apply_plans
from gru_lower.passes.legalize_gru.plan_rewrites import Planner
from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings
from gru_lower.targets.costs import PRECISIONS
from gru_lower.targets.faster_lowered import faster_lowered
from gru_lower.targets.judge_gru import faults
from gru_lower.targets.option_axes import DTYPES
from gru_lower.targets.target_option import profile_of

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.apply_plans import Plan
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits


@dataclass(frozen=True)
class LegalizeOptions:
    """Options of ``legalize-gru``.

    Attributes:
        target: The name or path of a profile.
        cast_to: The type to compute in where the GRU's own is not taken; nothing is cast if empty.
        assume: What is promised of sequence_lens: ``nothing``, or ``positive-lengths`` that each is 1 or more.
        prefer: ``speed`` leaves alone what is faster lowered, by the costs of the target's profile.
        precision: What the target computes in, see ``lower-gru``.
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.

    """

    target: str = ""
    cast_to: str = field(default="", metadata={"choices": ("", *DTYPES)})
    assume: str = field(default="nothing", metadata={"choices": ("nothing", "positive-lengths")})
    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})
    prefer: str = field(default="node", metadata={"choices": ("node", "speed", "size")})
    precision: str = field(default="", metadata={"choices": ("", *PRECISIONS)})


class LegalizeGru(Pass):
    """Rewrite GRU nodes into GRU nodes that a target runs right.

    Rules:
        1. Each GRU gets the fewest rewrites after which the target runs all of it right, or as much of it as can be:
           see :mod:`gru_lower.passes.legalize_gru.plan_rewrites` for the order and the choice.
        2. A GRU that no rewrite makes right is left alone, for ``lower-gru``.
        3. Rewrites write only operators the target takes.
        4. With ``prefer=speed``, one that is faster lowered is left to ``lower-gru`` as well.
        5. The node's outputs keep their names; constants are cut or replaced, never computed in the graph.
    """

    name = "legalize-gru"
    Options = LegalizeOptions

    def requires(self, model: Model) -> None:
        """Want a target."""
        del model
        if not self.options.target:
            hint = "write it like legalize-gru{target=portable}"
            raise Unsupported("legalize-gru needs a target", code="GL008", hint=hint)

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Plan and rewrite every GRU."""
        profile = profile_of(self.options.target)
        if profile is None:
            return PassResult(modified=False)
        planner = Planner(profile)
        unwritten = bool(faults(profile, "gru", frozenset({"written_forward"})))

        def settings(scope: Scope) -> RewriteSettings:
            return RewriteSettings(
                scope.opset,
                profile.unwritten(scope.opset),
                frozenset(profile.allow),
                self.options.cast_to,
                frozenset(profile.casts),
                self.options.zero_length_state,
                leaves_out_forward=unwritten,
            )

        def is_faster_lowered(gru: GruTraits, opset: int) -> bool:
            wanted = self.options.prefer == "speed"
            return wanted and faster_lowered(profile, gru.spec, gru.options, opset, self.options.precision)

        def plan(gru: GruTraits, settings: RewriteSettings) -> Plan | None:
            return None if is_faster_lowered(gru, settings.opset) else planner.plan(gru, settings)

        def why_none(gru: GruTraits, settings: RewriteSettings) -> str:
            if is_faster_lowered(gru, settings.opset):
                return "no rewrite is wanted: lowered, it is faster"
            return planner.why_none(gru)

        positive = self.options.assume == "positive-lengths"
        return apply_plans(model, ctx, plan, settings, why_none, positive_lengths=positive)
