"""Choose how sequence_lens acts: by infinite projections that close the gates, a Where in each step, or rows chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.variant import MaskRecipe


def choose_mask(spec: GruSpec, wanted: str, *, known: bool = False) -> MaskRecipe:
    """Choose how sequence_lens acts.

    Args:
        spec: The GRU.
        wanted: ``"auto"``, or ``"where"`` or ``"multiply"`` for nothing that is not finite.
        known: Whether the lengths are constants, and every step is written by itself.

    Gates closed by infinite projections cost no node in the body, but rest on three things: no clip (it would bound
    the infinities), an f that is exactly 0 and 1 there, and a bounded g that is 0 at 0 (0 times an infinite candidate
    is NaN).
    """
    if "sequence_lens" not in spec.inputs:
        return ""
    closes = all(d.f.saturates and d.g.vanishes for d in spec.directions)
    if closes and spec.clip is None and wanted == "auto":
        return "gate"
    return "rows" if known else "where"
