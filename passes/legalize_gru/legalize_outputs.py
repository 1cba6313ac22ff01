"""The pass ``legalize-outputs``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


class LegalizeOutputs(Rewrite):
    """Give the node both outputs, also one that nothing uses.

    Rules:
        1. The output that was absent gets a name, and no user.
    """

    name = "legalize-outputs"
    done = "both outputs named"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU with both outputs."""
        del means
        if at.spec.Y and at.spec.Y_h:
            return None
        spec = replace(at.spec, Y=at.spec.Y or "Y", Y_h=at.spec.Y_h or "Y_h")
        return [replace(at, spec=spec, options=with_options(at.options, "both_outputs"))]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Hand on what was wanted."""
        (after,) = self.becomes(gru.at, b.means) or []
        results = inner(replace(gru, at=after))
        return {key: value for key, value in results.items() if getattr(gru.at.spec, key)}
