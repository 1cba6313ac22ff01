"""The pass ``legalize-forward``: leave the direction out where it is forward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeForward(RewritePass):
    """Leave the direction out where it is forward, its default: emx compares its bytes with a text.

    Rules:
        1. A GRU of another direction, and one without the attribute, is left alone.
    """

    name = "legalize-forward"
    summary = "direction = forward left out"

    def settings(self, scope: Scope) -> RewriteSettings:
        """Return what the pass by itself may write: no direction where it is forward."""
        return replace(super().settings(scope), leaves_out_forward=True)

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU without the attribute."""
        del settings
        return [gru.changed("forward")] if "written_forward" in gru.options else None
