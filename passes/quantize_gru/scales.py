"""Scales and zero points: those that a GRU's mathematics gives, and those of ranges that were calibrated.

Sigmoid's values lie in [0, 1], and Tanh's in [-1, 1]: their scales are exact, the ends of the range being whole numbers
of steps. A state is a mean of candidates and states before it, so it stays in [-1, 1] if it begins there. Beyond a few
units Sigmoid and Tanh no longer change by a step, so what goes into them needs no wider range.
"""

from __future__ import annotations

from math import atanh, log
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.quantize_gru.step_ranges import Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import GruSpec

UNIT, SIGNED_UNIT = Range(0.0, 1.0), Range(-1.0, 1.0)
IN_UNIT = frozenset({"Sigmoid", "HardSigmoid"})
"""Functions whose values lie in [0, 1]."""
IN_SIGNED_UNIT = frozenset({"Tanh", "Softsign"})
"""Functions whose values lie in [-1, 1]."""
LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
    "int32": (-(2**31), 2**31 - 1),
}
"""The least and the largest whole number of each type."""
TINY = 1e-6
"""The least scale: what is 0 throughout needs one, too."""
QUARTER = 4.0
"""A function counts as flat where it is nearer than a quarter of a step to its limit."""


class Scale(NamedTuple):
    """How floats become whole numbers: ``round(x / scale) + zero_point``.

    Attributes:
        scale: The step.
        zero_point: The whole number that stands for 0.
        kind: The type of the whole numbers, as numpy spells it.

    """

    scale: float
    zero_point: int
    kind: str

    @property
    def range(self) -> Range:
        """What can be spelled."""
        least, most = LIMITS[self.kind]
        return Range((least - self.zero_point) * self.scale, (most - self.zero_point) * self.scale)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {"scale": self.scale, "zero_point": self.zero_point, "type": self.kind}


def scale_of(values: Range, kind: str) -> Scale:
    """Return the scale for a range.

    A range that is symmetric has its ends as whole numbers of steps, on either side as many; int16 always counts from
    0, as the chips that compute in it want it.
    """
    least, most = LIMITS[kind]
    if kind == "int16" or values.low == -values.high:
        bound = max(-values.low, values.high, TINY)
        side = (most - least) // 2
        return Scale(float(np.float32(bound / side)), (most + least + 1) // 2, kind)
    scale = max((values.high - values.low) / (most - least), TINY)
    zero_point = int(np.clip(np.round(least - values.low / scale), least, most))
    return Scale(float(np.float32(scale)), zero_point, kind)


def bounded(spec: GruSpec, ranges: Mapping[str, Range], steps: int) -> dict[str, Range]:
    """Return ranges with those that the mathematics of a GRU gives in the place of calibrated ones.

    Args:
        spec: The GRU.
        ranges: What was calibrated, by local name.
        steps: Between how many values a gate is rounded, less one: 255 for 8 bits.

    """
    found = dict(ranges)
    f, g = ({getattr(direction, name).name for direction in spec.directions} for name in "fg")
    if f <= IN_UNIT:
        found["Zt"] = found["Rt"] = UNIT
    if _stays_in_signed_unit(spec):
        found["ht"] = SIGNED_UNIT
        if f <= IN_UNIT:
            beyond = max(1.0, -found["Ht"].low, found["Ht"].high)
            found["Ht"] = Range(-beyond, beyond)
            found["change"] = found["change"].within(1.0 + beyond)
    for name, functions in (("pre_z", f), ("pre_r", f), ("pre_h", g)):
        if name in found:
            found[name] = found[name].within(_flat_from(functions, steps))
            if spec.clip is not None:
                found[name] = found[name].within(spec.clip)
    return found


def _stays_in_signed_unit(spec: GruSpec) -> bool:
    return all(_in_signed_unit(direction.g) for direction in spec.directions)


def _in_signed_unit(function: Activation) -> bool:
    scaled = function.name == "ScaledTanh" and abs(function.alpha or 0.0) <= 1.0
    return function.name in IN_SIGNED_UNIT | IN_UNIT or scaled


def _flat_from(functions: set[str], steps: int) -> float:
    """Return from which input on functions are flat."""
    bounds = {"Sigmoid": log(QUARTER * steps - 1), "Tanh": atanh(1 - 2 / (QUARTER * steps))}
    return max(bounds.get(name, np.inf) for name in functions)
