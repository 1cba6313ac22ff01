"""The pass ``legalize-reset``: change linear_before_reset where both settings give the same."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


@dataclass(frozen=True)
class ResetOptions:
    """Options of ``legalize-reset``.

    Attributes:
        to: The linear_before_reset to write, 0 or 1.

    """

    to: str = field(default="1", metadata={"choices": ("0", "1")})


class LegalizeReset(RewritePass):
    """Write a GRU with the other linear_before_reset, where its weights make both the same.

        (rt ∘ Ht-1) Rhᵀ + Rbh + Wbh      =      rt ∘ (Ht-1 Rhᵀ + Rbh) + Wbh

    Rules:
        1. The products agree where Rh is diagonal in every direction (with H = 1 it always is, and zero is diagonal),
           and where the only step starts from a state of zeros.
        2. From 0 to 1, Rbh moves into Wbh, out of the reset gate's reach; from 1 to 0 it has to be zero.
        3. R and B have to be constants.
    """

    name = "legalize-reset"
    Options = ResetOptions
    summary = "linear_before_reset changed, to the same effect"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU with the other setting."""
        del settings
        spec = gru.spec
        if "reset_idle" not in gru.known or (spec.linear_before_reset and "no_Rbh" not in gru.known):
            return None
        other = not spec.linear_before_reset
        return [gru.changed("lbr1" if other else "lbr0", spec=replace(spec, linear_before_reset=other))]

    def is_wanted(self, before: GruTraits, after: list[GruTraits]) -> bool:
        """Whether this is the setting asked for."""
        del before
        return bool(after[0].spec.linear_before_reset == (self.options.to == "1"))

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Fold Rbh into Wbh."""
        new = gru.with_traits(after[0])
        if new.spec.linear_before_reset and "no_Rbh" not in gru.traits.known:
            h = new.spec.hidden_size
            biases = b.array(gru.constants["B"]).copy()
            biases[:, 2 * h : 3 * h] += biases[:, 5 * h :]
            biases[:, 5 * h :] = 0
            new = b.with_array(new, "B", biases)
        return write(new)
