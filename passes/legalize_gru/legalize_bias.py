"""The pass ``legalize-bias``: write a B of zeros where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.passes.legalize_gru.base import RewritePass
from gru_lower.passes.legalize_gru.replacement_builder import numpy_type

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


class LegalizeBias(RewritePass):
    """Write a B of zeros where there is none.

        B = 0 [D, 6H]

    Rules:
        1. A GRU that has a B is left alone.
    """

    name = "legalize-bias"
    summary = "B of zeros written"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU with a B."""
        del settings
        if "B" in gru.spec.inputs or gru.spec.type_name == "unknown":
            return None
        spec = replace(gru.spec, inputs=gru.spec.inputs | {"B": "B"})
        return [replace(gru.changed("B", spec=spec), known=gru.known | {"no_Rbh"})]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Attach the zeros."""
        new = gru.with_traits(after[0])
        nothing = zeros((new.spec.num_directions, 6 * new.spec.hidden_size), numpy_type(new.spec.elem_type))
        return write(b.with_array(new, "B", nothing))
