"""The pass ``legalize-activation-parameters``: write activation_alpha and activation_beta, or leave defaults out."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.gru.activations import KINDS
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


@dataclass(frozen=True)
class ParametersOptions:
    """Options of ``legalize-activation-parameters``.

    Attributes:
        values: ``write`` activation_alpha and activation_beta, or ``drop`` them where they hold the defaults.

    """

    values: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeActivationParameters(RewritePass):
    """Write activation_alpha and activation_beta out, or leave them out where they hold the operator's defaults.

    Rules:
        1. Exactly the values that the functions take are written.
        2. A default that runtimes disagree on is never left out (ThresholdedRelu, Affine, ScaledTanh).
    """

    name = "legalize-activation-parameters"
    Options = ParametersOptions
    summary = "activation_alpha and activation_beta written or left out"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU spelled the other way."""
        del settings
        if "parameters" in gru.options:
            return [gru.changed("no_parameters")] if _all_default(gru.spec) else None
        takes = any(fn.alpha is not None for direction in gru.spec.directions for fn in (direction.f, direction.g))
        return [gru.changed("parameters", "written_activations")] if takes else None

    def is_wanted(self, before: GruTraits, after: list[GruTraits]) -> bool:
        """Whether this is what was asked for."""
        del after
        return bool(("no_parameters" in before.options) == (self.options.values == "write"))


def _all_default(spec: GruSpec) -> bool:
    for direction in spec.directions:
        for fn in (direction.f, direction.g):
            kind = KINDS[fn.name.lower()]
            if kind.ambiguous or (fn.alpha, fn.beta) != (kind.alpha, kind.beta):
                return False
    return True
