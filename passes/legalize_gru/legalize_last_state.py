"""The pass ``legalize-last-state``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


class LegalizeLastState(Rewrite):
    """Take Y_h from Y, so that the node gives Y alone.

        Y_h = Y[T-1]      forward
        Y_h = Y[0]        reverse

    Rules:
        1. Only without sequence_lens, with a static T above 0, and in one direction.
    """

    name = "legalize-last-state"
    done = "Y_h taken from Y"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU that gives Y alone."""
        spec = at.spec
        alone = "sequence_lens" not in spec.inputs and spec.num_directions == 1
        if not spec.Y_h or not alone or not spec.seq_length or not means.has("Slice", "Squeeze"):
            return None
        return [replace(at, spec=replace(spec, Y="Y", Y_h=""), options=with_options(at.options, "only_Y"))]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Slice the last step processed out of Y."""
        (after,) = self.becomes(gru.at, b.means) or []
        spec = gru.at.spec
        y = inner(replace(gru, at=after))["Y"]
        step = 0 if spec.directions[0].reverse else (spec.seq_length or 1) - 1
        last = b.e.slice(y, step, step + 1, spec.layout, "last_step")
        y_h = b.e.squeeze(last, [spec.layout], "last_state")
        return {"Y": y, "Y_h": y_h} if spec.Y else {"Y_h": y_h}
