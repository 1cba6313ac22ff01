"""The pass ``legalize-layout``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


class LegalizeLayout(Rewrite):
    """Write a GRU of layout 1 as one of layout 0 between transposes.

        X [B, T, I] → [T, B, I]        initial_h [B, D, H] → [D, B, H]
        Y [T, D, B, H] → [B, T, D, H]  Y_h [D, B, H] → [B, D, H]

    Rules:
        1. sequence_lens [B] and the weights are the same in both layouts.
    """

    name = "legalize-layout"
    done = "layout 1 to 0 by Transpose"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the same GRU in layout 0."""
        if not at.spec.layout or not means.has("Transpose"):
            return None
        return [replace(at, spec=replace(at.spec, layout=0), options=with_options(at.options, "layout0"))]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Transpose on the way in and out."""
        (after,) = self.becomes(gru.at, b.means) or []
        inputs = dict(gru.inputs)
        for key in ("X", "initial_h"):
            if key in inputs:
                inputs[key] = b.e.transpose(inputs[key], [1, 0, 2], f"{key}_time_major")
        constants = {key: tensor for key, tensor in gru.constants.items() if key not in ("X", "initial_h")}
        results = inner(replace(gru, at=after, inputs=inputs, constants=constants))
        perms = {"Y": [2, 0, 1, 3], "Y_h": [1, 0, 2]}
        return {key: b.e.transpose(value, perms[key], f"{key}_batch_major") for key, value in results.items()}
