"""The pass ``legalize-layout``: layout 1 becomes layout 0 between Transposes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Value
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeLayout(RewritePass):
    """Write a GRU of layout 1 as one of layout 0 between transposes.

        X [B, T, I] → [T, B, I]        initial_h [B, D, H] → [D, B, H]
        Y [T, D, B, H] → [B, T, D, H]  Y_h [D, B, H] → [B, D, H]

    Rules:
        1. sequence_lens [B] and the weights are the same in both layouts.
    """

    name = "legalize-layout"
    summary = "layout 1 to 0 by Transpose"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the same GRU in layout 0."""
        if not gru.spec.layout or not settings.may_write("Transpose"):
            return None
        return [gru.changed("layout0", spec=replace(gru.spec, layout=0))]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Transpose on the way in and out."""
        e = b.emitter
        given: dict[str, Value] = {key: gru.inputs[key] for key in ("X", "initial_h") if key in gru.inputs}
        turned = {key: e.transpose(value, [1, 0, 2], f"{key}_time_major") for key, value in given.items()}
        outputs = write(gru.with_traits(after[0]).reading(turned))
        perms = {"Y": [2, 0, 1, 3], "Y_h": [1, 0, 2]}
        return {key: e.transpose(value, perms[key], f"{key}_batch_major") for key, value in outputs.items()}
