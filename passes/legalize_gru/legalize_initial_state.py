"""The pass ``legalize-initial-state``: write an initial_h of zeros, or leave it out."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass
from gru_lower.passes.legalize_gru.replacement_builder import numpy_type

if TYPE_CHECKING:
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

EXPAND, SHAPE_RANGE = 8, 15


@dataclass(frozen=True)
class StateOptions:
    """Options of ``legalize-initial-state``.

    Attributes:
        zeros: ``write`` the zeros of an absent initial_h, or ``drop`` an initial_h that is known to be zero.

    """

    zeros: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeInitialState(RewritePass):
    """Write an initial_h of zeros where there is none, or leave out one that is known to be zero.

        initial_h = 0 [D, B, H], [B, D, H] in layout 1

    Rules:
        1. With a static batch the zeros are a constant; else they are expanded to the batch of X.
        2. An initial_h is known to be zero if it is a constant of zeros, or views and joins of such.
    """

    name = "legalize-initial-state"
    Options = StateOptions
    summary = "an initial_h of zeros written or left out"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU with an initial_h if it had none, without one if it had zeros."""
        spec = gru.spec
        if "initial_h" in spec.inputs:
            if "zero_initial_h" not in gru.known or "told_batch" in gru.options:
                return None
            return [gru.changed("no_initial_h", spec=spec.without_inputs("initial_h"))]
        if spec.batch_size is None:
            operators = {"Shape", "Concat", "Expand"} | ({"Gather"} if settings.opset < SHAPE_RANGE else set())
            if settings.opset < EXPAND or not settings.may_write(*operators):
                return None
        fresh = replace(spec, inputs=spec.inputs | {"initial_h": "initial_h"})
        return [gru.changed("initial_h" if spec.batch_size is None else "constant_initial_h", spec=fresh)]

    def is_wanted(self, before: GruTraits, after: list[GruTraits]) -> bool:
        """Whether this is what was asked for."""
        del after
        return bool(("initial_h" in before.spec.inputs) == (self.options.zeros == "drop"))

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Attach the zeros, or leave them out."""
        new, e = gru.with_traits(after[0]), b.emitter
        if "initial_h" in gru.inputs:
            return write(new.without_input("initial_h"))
        spec, d, h = new.spec, new.spec.num_directions, new.spec.hidden_size
        if spec.batch_size is not None:
            shape = (spec.batch_size, d, h) if spec.layout else (d, spec.batch_size, h)
            return write(b.with_array(new, "initial_h", zeros(shape, numpy_type(spec.elem_type))))
        batch = e.dim(gru.inputs["X"], 1 - spec.layout, "batch")
        if spec.layout:
            parts = [batch, e.ints("state", [d, h])]
        else:
            parts = [e.ints("directions", [d]), batch, e.ints("width", [h])]
        dims = e.op("Concat", parts, "state_shape", axis=0)
        state = e.op("Expand", [e.tensor("zero", [[[0.0]]]), dims], "zero_state")
        return write(new.reading({"initial_h": state}))
