"""The pass ``legalize-hidden-size``: write hidden_size out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeHiddenSize(RewritePass):
    """Write hidden_size, which is optional in the operator and required by some runtimes.

        hidden_size = R's last dim

    Rules:
        1. A GRU that has the attribute is left alone.
    """

    name = "legalize-hidden-size"
    summary = "hidden_size written"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU with the attribute."""
        del settings
        if "no_hidden_size" not in gru.options:
            return None
        return [gru.changed("hidden_size")]
