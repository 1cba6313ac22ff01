"""The pass ``quantize-gru``: GRU nodes become what computes with weights in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.quantize_gru.dynamic_mode import quantise_dynamically
from gru_lower.passes.quantize_gru.quantize_options import QuantizeOptions
from gru_lower.passes.quantize_gru.static_mode import quantise_statically
from gru_lower.passes.quantize_gru.weights_only_mode import quantise_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.graph.model import Model

BY_MODE: dict[str, Callable[[Model, QuantizeOptions, Context], PassResult]] = {
    "dynamic": quantise_dynamically,
    "weights-only": quantise_weights,
    "static": quantise_statically,
}
"""What does each of :data:`gru_lower.passes.quantize_gru.quantize_options.MODES`, in a module of its own."""


class QuantizeGru(Pass):
    """Quantise GRU nodes.

    Rules:
        1. A GRU is quantised only if all of it is understood; otherwise it is kept, with a code.
        2. How is up to the mode; each stands in a module of its own.
        3. Nothing but GRUs is touched: the rest of a model is left to quantisers that know it.
    """

    name = "quantize-gru"
    Options = QuantizeOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Quantise every GRU in every scope."""
        return BY_MODE[self.options.mode](model, self.options, ctx)
