"""What the legalize-* passes have in common: each is a rewrite, and a pass that does it to every GRU it applies to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.legalize_gru.apply_plans import Plan, Rewrite, apply_plans
from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits


@dataclass(frozen=True)
class NoOptions:
    """The pass has no options."""


class RewritePass(Rewrite, Pass):
    """A pass that does one rewrite, and a step that legalize-gru plans with.

    A subclass says in :meth:`outcomes` what comes of a GRU, and writes it in :meth:`rewrite`.
    """

    Options: ClassVar[type[Any]] = NoOptions

    def is_wanted(self, before: GruTraits, after: list[GruTraits]) -> bool:
        """Whether the pass by itself, without a target, does this."""
        del before, after
        return True

    def settings(self, scope: Scope) -> RewriteSettings:
        """Return what the pass by itself may write in a scope."""
        return RewriteSettings(scope.opset)

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Rewrite every GRU it applies to."""

        def plan(gru: GruTraits, settings: RewriteSettings) -> Plan | None:
            after = self.outcomes(gru, settings)
            return None if after is None or not self.is_wanted(gru, after) else Plan(self, (None,) * len(after))

        return apply_plans(model, ctx, plan, self.settings, lambda *_: f"{self.name} does not apply")
