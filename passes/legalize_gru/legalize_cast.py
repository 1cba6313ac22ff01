"""The pass ``legalize-cast``: compute a GRU in another float type, between Casts."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from onnx import numpy_helper

from gru_lower.gru.spec import FLOAT_TYPES
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass
from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, numpy_type
from gru_lower.targets.option_axes import DTYPES

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings


@dataclass(frozen=True)
class CastOptions:
    """Options of ``legalize-cast``.

    Attributes:
        to: The type to compute in, as numpy spells it.

    """

    to: str = field(default="float32", metadata={"choices": DTYPES})


class LegalizeCast(RewritePass):
    """Compute a GRU in another float type.

        Y, Y_h = Cast(GRU(Cast(X), Cast(W), Cast(R), Cast(B), sequence_lens, Cast(initial_h)))

    Rules:
        1. Nothing is cast unless it is asked for: the numbers are those of the other type.
        2. Constants are cast beforehand; inputs and outputs of the GRU keep their type.
    """

    name = "legalize-cast"
    Options = CastOptions
    summary = "computed in another type"

    def settings(self, scope: Scope) -> RewriteSettings:
        """Return what the pass by itself may write in a scope."""
        return replace(super().settings(scope), cast_to=self.options.to)

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the same GRU of the other type."""
        wanted, given = settings.cast_to, gru.spec.type_name
        if not wanted or given in (wanted, "unknown") or not settings.may_write("Cast"):
            return None
        if settings.casts_from and given not in settings.casts_from:
            return None
        elem_type = next(kind for kind, name in FLOAT_TYPES.items() if name == wanted)
        return [gru.changed(wanted, spec=replace(gru.spec, elem_type=elem_type))]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Cast on the way in and out."""
        e, kind, back = b.emitter, after[0].spec.elem_type, gru.spec.elem_type
        inputs, constants = dict(gru.inputs), dict(gru.constants)
        for key, value in gru.inputs.items():
            if key == "sequence_lens":
                continue
            if key in constants:
                constants[key] = numpy_helper.from_array(b.array(constants[key]).astype(numpy_type(kind)))
                inputs[key] = b.attach(f"{key}_cast", constants[key])
            else:
                inputs[key] = e.op("Cast", [value], f"{key}_cast", to=kind)
        e.elem_type = kind
        outputs = write(BoundGru(after[0], inputs, constants))
        e.elem_type = back
        return {key: e.op("Cast", [value], f"{key}_back", to=back) for key, value in outputs.items()}
