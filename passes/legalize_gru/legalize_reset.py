"""The pass ``legalize-reset``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


@dataclass(frozen=True)
class ResetOptions:
    """Options of ``legalize-reset``.

    Attributes:
        to: The linear_before_reset to write, 0 or 1.

    """

    to: str = field(default="1", metadata={"choices": ("0", "1")})


class LegalizeReset(Rewrite):
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
    done = "linear_before_reset changed, to the same effect"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU with the other setting."""
        del means
        spec = at.spec
        if "reset_idle" not in at.known or (spec.linear_before_reset and "no_Rbh" not in at.known):
            return None
        other = not spec.linear_before_reset
        options = with_options(at.options, "lbr1" if other else "lbr0")
        return [replace(at, spec=replace(spec, linear_before_reset=other), options=options)]

    def wanted(self, at: Situation, after: list[Situation]) -> bool:
        """Whether this is the setting asked for."""
        del at
        return bool(after[0].spec.linear_before_reset == (self.options.to == "1"))

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Fold Rbh into Wbh."""
        (after,) = self.becomes(gru.at, b.means) or []
        fresh = replace(gru, at=after)
        if after.spec.linear_before_reset and "no_Rbh" not in gru.at.known:
            h = after.spec.hidden_size
            biases = b.array(gru.constants["B"]).copy()
            biases[:, 2 * h : 3 * h] += biases[:, 5 * h :]
            biases[:, 5 * h :] = 0
            fresh = b.with_arrays(fresh, {"B": biases})
        return inner(fresh)
