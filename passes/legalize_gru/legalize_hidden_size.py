"""The pass ``legalize-hidden-size``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


class LegalizeHiddenSize(Rewrite):
    """Write hidden_size out, which the operator lets one leave out and some runtimes do not.

        hidden_size = R's last dim

    Rules:
        1. A GRU that says it is left alone.
    """

    name = "legalize-hidden-size"
    done = "hidden_size written"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU with the attribute."""
        del means
        if "no_hidden_size" not in at.options:
            return None
        return [replace(at, options=with_options(at.options, "hidden_size"))]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Hand on the same GRU: the node is written by its options."""
        (after,) = self.becomes(gru.at, b.means) or []
        return inner(replace(gru, at=after))
