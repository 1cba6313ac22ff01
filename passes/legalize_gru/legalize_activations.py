"""The pass ``legalize-activations``: write the activations attribute, or leave defaults out."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.gru.activations import SIGMOID, TANH
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


@dataclass(frozen=True)
class ActivationsOptions:
    """Options of ``legalize-activations``.

    Attributes:
        attribute: ``write`` the activations attribute, or ``drop`` it where it says what is the default.

    """

    attribute: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeActivations(RewritePass):
    """Write the activations attribute out, or leave it out where it says Sigmoid and Tanh.

        activations = [Sigmoid, Tanh] for each direction

    Rules:
        1. Some runtimes reject the attribute whatever it says; others want it.
        2. Those in other letters than the operator has them are written as it has them.
        3. activation_alpha and activation_beta go with it, since neither function takes one.
    """

    name = "legalize-activations"
    Options = ActivationsOptions
    summary = "the activations attribute written or left out"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU spelled the other way."""
        del settings
        if "default_activations" in gru.options:
            return [gru.changed("written_activations")]
        if any((direction.f, direction.g) != (SIGMOID, TANH) for direction in gru.spec.directions):
            return [gru.changed("written_activations")] if "lower_case_activations" in gru.options else None
        return [gru.changed("default_activations", "no_parameters")]

    def is_wanted(self, before: GruTraits, after: list[GruTraits]) -> bool:
        """Whether this is what was asked for."""
        kept = "default_activations" if self.options.attribute == "drop" else "written_activations"
        return kept in after[0].options and kept not in before.options
