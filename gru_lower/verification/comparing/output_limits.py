"""What sets an output's tolerance in two models: the coarsest type it is computed in, and whether it is quantised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float, name_of
from gru_lower.verification.comparing.tolerance import DEFAULTS, Tolerance, tolerance_for
from gru_lower.verification.comparing.value_origins import coarser, output_origins

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import onnx

    from gru_lower.verification.options import VerifyOptions

_NONE = Tolerance(0.0, 0.0)
_NAMES: dict[int, str] = {
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}


@dataclass(frozen=True)
class OutputLimits:
    """What sets an output's tolerance beside its type.

    Attributes:
        computed_in: The coarsest float type that either model computes it in; ``None`` if that is not known.
        quantised: Whether in both models a quantiser made it, and it was only moved or selected since.

    """

    computed_in: str | None = None
    quantised: bool = False

    def tolerance(self, dtype: np.dtype[Any], options: VerifyOptions, largest: float = 0.0) -> Tolerance:
        """Return the tolerance for the output.

        Args:
            dtype: The type it has.
            options: What the user gave: a given atol is taken as it is.
            largest: Its largest absolute value on all cases, 0 to leave the tolerance as it is.

        """
        tolerance = tolerance_for(
            dtype, rtol=options.rtol, atol=options.atol, computed_in=self.computed_in, quantised=self.quantised
        )
        if options.atol is not None or not is_float(dtype):
            return tolerance
        known = filter(None, (self.computed_in, name_of(dtype)))
        coarsest = max(known, key=lambda name: DEFAULTS.get(name, _NONE).atol)
        return tolerance.scaled(largest, coarsest)


def output_limits(a: onnx.ModelProto, b: onnx.ModelProto) -> dict[str, OutputLimits]:
    """Return what sets the tolerances of the outputs that both models have.

    Types that weights are only stored in do not count: float16 weights behind a Cast to float32 are computed with in
    float32.

    Args:
        a: A model.
        b: The other.

    """
    first, second = output_origins(a), output_origins(b)
    return {
        name: OutputLimits(
            _NAMES.get(coarser(first[name].coarsest, second[name].coarsest)),
            first[name].quantised and second[name].quantised,
        )
        for name in first
        if name in second
    }


def coarsest_of(a: onnx.ModelProto, b: onnx.ModelProto) -> OutputLimits:
    """Return what sets the tolerance of a value on the way to the outputs: the coarsest type of any output.

    Args:
        a: A model.
        b: The other.

    """
    found = output_limits(a, b).values()
    names = [each.computed_in for each in found if each.computed_in is not None]
    return OutputLimits(max(names, key=lambda name: DEFAULTS[name].atol, default=None))
