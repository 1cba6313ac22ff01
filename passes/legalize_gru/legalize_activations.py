"""The pass ``legalize-activations``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gru_lower.gru.activations import SIGMOID, TANH
from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


@dataclass(frozen=True)
class ActivationsOptions:
    """Options of ``legalize-activations``.

    Attributes:
        attribute: ``write`` the activations attribute, or ``drop`` it where it says what is the default.

    """

    attribute: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeActivations(Rewrite):
    """Write the activations attribute out, or leave it out where it says Sigmoid and Tanh.

        activations = [Sigmoid, Tanh] for each direction

    Rules:
        1. Some runtimes reject the attribute whatever it says; others want it.
        2. activation_alpha and activation_beta go with it, since neither function takes one.
    """

    name = "legalize-activations"
    Options = ActivationsOptions
    done = "the activations attribute written or left out"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU spelled the other way."""
        del means
        if "default_activations" in at.options:
            return [replace(at, options=with_options(at.options, "written_activations"))]
        if any((direction.f, direction.g) != (SIGMOID, TANH) for direction in at.spec.directions):
            return None
        return [replace(at, options=with_options(at.options, "default_activations", "no_parameters"))]

    def wanted(self, at: Situation, after: list[Situation]) -> bool:
        """Whether this is what was asked for."""
        del after
        return bool(("default_activations" in at.options) == (self.options.attribute == "write"))

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Hand on the same GRU: the node is written by its options."""
        (after,) = self.becomes(gru.at, b.means) or []
        return inner(replace(gru, at=after))
