"""The pass ``legalize-last-state``: take Y_h from Y."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeLastState(RewritePass):
    """Take Y_h from Y, so that the node gives Y alone.

        Y_h = Y[T-1]      forward
        Y_h = Y[0]        reverse

    Rules:
        1. Only without sequence_lens, with a static T above 0, and in one direction.
    """

    name = "legalize-last-state"
    summary = "Y_h taken from Y"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU that gives Y alone."""
        spec = gru.spec
        alone = "sequence_lens" not in spec.inputs and spec.num_directions == 1
        if not spec.Y_h or not alone or not spec.seq_length or not settings.may_write("Slice", "Squeeze"):
            return None
        return [gru.changed("only_Y", spec=replace(spec, Y="Y", Y_h=""))]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Slice the last step processed out of Y."""
        spec = gru.spec
        y = write(gru.with_traits(after[0]))["Y"]
        step = 0 if spec.directions[0].reverse else (spec.seq_length or 1) - 1
        last = b.emitter.slice(y, step, step + 1, spec.layout, "last_step")
        y_h = b.emitter.squeeze(last, [spec.layout], "last_state")
        return {"Y": y, "Y_h": y_h} if spec.Y else {"Y_h": y_h}
