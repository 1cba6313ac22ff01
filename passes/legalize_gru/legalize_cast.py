"""The pass ``legalize-cast``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onnx import numpy_helper

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.passes.legalize_gru.rewritten_gru import elem_type, numpy_type
from gru_lower.targets.option_axes import DTYPES, with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


@dataclass(frozen=True)
class CastOptions:
    """Options of ``legalize-cast``.

    Attributes:
        to: The type to compute in, as numpy spells it.

    """

    to: str = field(default="float32", metadata={"choices": DTYPES})


class LegalizeCast(Rewrite):
    """Compute a GRU in another float type.

        Y, Y_h = Cast(GRU(Cast(X), Cast(W), Cast(R), Cast(B), sequence_lens, Cast(initial_h)))

    Rules:
        1. Nothing is cast unless it is asked for: the numbers are those of the other type.
        2. Constants are cast beforehand; inputs and outputs of the GRU keep their type.
    """

    name = "legalize-cast"
    Options = CastOptions
    done = "computed in another type"

    def means(self, scope: Scope) -> Means:
        """Return what the pass by itself may use."""
        return replace(super().means(scope), cast_to=self.options.to)

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the same GRU of the other type."""
        if not means.cast_to or at.spec.type_name in (means.cast_to, "unknown") or not means.has("Cast"):
            return None
        spec = replace(at.spec, elem_type=elem_type(means.cast_to))
        return [replace(at, spec=spec, options=with_options(at.options, means.cast_to))]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Cast on the way in and out."""
        (after,) = self.becomes(gru.at, b.means) or []
        kind, back = after.spec.elem_type, gru.at.spec.elem_type
        inputs, constants = dict(gru.inputs), dict(gru.constants)
        for key, value in gru.inputs.items():
            if key == "sequence_lens":
                continue
            if key in constants:
                array = b.array(constants[key]).astype(numpy_type(kind))
                constants[key] = numpy_helper.from_array(array)
                inputs[key] = b.constant(f"{key}_cast", constants[key])
            else:
                inputs[key] = b.e.op("Cast", [value], f"{key}_cast", to=kind)
        b.e.elem_type = kind
        results = inner(replace(gru, at=after, inputs=inputs, constants=constants))
        b.e.elem_type = back
        return {key: b.e.op("Cast", [value], f"{key}_back", to=back) for key, value in results.items()}
