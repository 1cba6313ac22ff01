"""The pass ``legalize-activation-parameters``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gru_lower.gru.activations import KINDS
from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


@dataclass(frozen=True)
class ParametersOptions:
    """Options of ``legalize-activation-parameters``.

    Attributes:
        values: ``write`` activation_alpha and activation_beta, or ``drop`` them where they hold the defaults.

    """

    values: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeActivationParameters(Rewrite):
    """Write activation_alpha and activation_beta out, or leave them out where they hold the operator's defaults.

    Rules:
        1. Exactly the values that the functions take are written.
        2. A default that runtimes disagree on is never left out (ThresholdedRelu, Affine, ScaledTanh).
    """

    name = "legalize-activation-parameters"
    Options = ParametersOptions
    done = "activation_alpha and activation_beta written or left out"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU spelled the other way."""
        del means
        if "parameters" in at.options:
            return [replace(at, options=with_options(at.options, "no_parameters"))] if _all_default(at.spec) else None
        takes = any(fn.alpha is not None for direction in at.spec.directions for fn in (direction.f, direction.g))
        return [replace(at, options=with_options(at.options, "parameters", "written_activations"))] if takes else None

    def wanted(self, at: Situation, after: list[Situation]) -> bool:
        """Whether this is what was asked for."""
        del after
        return bool(("no_parameters" in at.options) == (self.options.values == "write"))

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Hand on the same GRU: the node is written by its options."""
        (after,) = self.becomes(gru.at, b.means) or []
        return inner(replace(gru, at=after))


def _all_default(spec: GruSpec) -> bool:
    for direction in spec.directions:
        for fn in (direction.f, direction.g):
            kind = KINDS[fn.name.lower()]
            if kind.ambiguous or (fn.alpha, fn.beta) != (kind.alpha, kind.beta):
                return False
    return True
