"""The pass ``legalize-outputs``: give the node both outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeOutputs(RewritePass):
    """Give the node both outputs, even one that nothing uses.

    Rules:
        1. The output that was absent gets a name, and no user.
    """

    name = "legalize-outputs"
    summary = "both outputs named"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU with both outputs."""
        del settings
        if gru.spec.Y and gru.spec.Y_h:
            return None
        spec = replace(gru.spec, Y=gru.spec.Y or "Y", Y_h=gru.spec.Y_h or "Y_h")
        return [gru.changed("both_outputs", spec=spec)]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Return the outputs that were asked for."""
        del b
        outputs = write(gru.with_traits(after[0]))
        return {key: value for key, value in outputs.items() if getattr(gru.spec, key)}
