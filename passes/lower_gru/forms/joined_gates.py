"""Float products of gates that are computed together.

    [Zt | Rt] = Sigmoid(Ht_1 [Rz | Rr] + [Xzt | Xrt])                    one product for both gates
    [Z | R | H] = Ht_1 [Rz | Rr | Rh] + [0 | 0 | Rbh]                    for all three, with linear_before_reset ≠ 0
    [Zt | Rt] = Sigmoid([Xt | Ht_1] [Wz | Wr; Rz | Rr] + b)              one product with the projections, of one step

A step is some nodes less and has a Split more; a wider product is quicker than two narrow ones in some engines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.emission.emitter import AXES_INPUT

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


class GateOfBoth(NamedTuple):
    """The update or the reset gate, as a half of a value [B, 2H] that holds both.

    Attributes:
        both: The value.
        place: 0 for the update gate, 1 for the reset gate.

    """

    both: Value
    place: int


def gate_parts(e: Emitter, v: Variant, value: Value, names: list[str]) -> list[Value]:
    """Cut [..., 3H] into :attr:`Variant.parts`; not from the last axis backwards, which tract takes no Slice along."""
    axis = 2 if v.keeps_axes else v.state_rank - 1
    widths = [len(part) * v.hidden_size for part in v.parts]
    if len(set(widths)) == 1:
        return e.split(value, v.hidden_size, names, axis=axis)
    if not e.vocabulary.has("Split"):
        ends = [sum(widths[: place + 1]) for place in range(len(widths))]
        places = zip(ends, widths, names, strict=True)
        return [e.slice(value, end - width, end, axis, name) for end, width, name in places]
    if e.opset < AXES_INPUT:
        return e.multi("Split", [value], names, axis=axis, split=widths)
    return e.multi("Split", [value, e.ints("widths", widths)], names, axis=axis)


class JoinedProducts(ABC):
    """The recurrent products of one step.

    Args:
        e: Where to write.
        v: The variant.
        prefix: What stands before the local names of the weights to use.

    """

    def __init__(self, e: Emitter, v: Variant, prefix: str) -> None:
        """Keep the parts."""
        self._e, self._v, self._p = e, v, prefix

    def recurrent(self, gate: str, state: Value, plus: Value | GateOfBoth) -> Value | GateOfBoth:
        """Return ``state Rᵀ + plus`` for a gate; of the update and the reset gate, both at once."""
        if not isinstance(plus, GateOfBoth):
            return self._one(gate, state, plus)
        return GateOfBoth(self._e.shared(f"pre_zr of {state.name}", lambda: self._both(state, plus.both)), plus.place)

    @abstractmethod
    def candidate(self, state: Value) -> Value:
        """Return ``state Rhᵀ + Rbh``, for linear_before_reset ≠ 0."""

    @abstractmethod
    def _one(self, gate: str, state: Value, plus: Value) -> Value:
        """Return ``state Rhᵀ + plus``."""

    @abstractmethod
    def _both(self, state: Value, plus: Value) -> Value:
        """Return ``state [Rz | Rr]ᵀ + plus``."""


class FloatProducts(JoinedProducts):
    """Those of float weights."""

    def candidate(self, state: Value) -> Value:
        """Return ``state Rhᵀ + Rbh``, for linear_before_reset ≠ 0."""
        if self._v.gates == "whole":
            return self._all(state)[1]
        bias = self._e.value(f"{self._p}Rbh") if "B" in self._v.has else None
        return self._e.gemm(state, self._e.value(f"{self._p}Rh"), bias, "recurrent_h")

    def _one(self, gate: str, state: Value, plus: Value) -> Value:
        return self._e.gemm(state, self._e.value(f"{self._p}Rh"), plus, f"pre_{gate}", computed=True)

    def _both(self, state: Value, plus: Value) -> Value:
        if self._v.gates == "whole" and self._v.linear_before_reset:
            return self._e.op("Add", [plus, self._all(state)[0]], "pre_zr")
        return self._e.gemm(state, self._e.value(f"{self._p}Rzr"), plus, "pre_zr", computed=True)

    def _all(self, state: Value) -> list[Value]:
        def cut() -> list[Value]:
            bias = self._e.value(f"{self._p}Rb") if "B" in self._v.has else None
            product = self._e.gemm(state, self._e.value(f"{self._p}R"), bias, "recurrent")
            return gate_parts(self._e, self._v, product, ["recurrent_zr", "recurrent_h"])

        parts: list[Value] = self._e.shared(f"recurrent of {state.name}", cut)
        return parts


class ProductsWithX(FloatProducts):
    """Those of a single step's X and state, joined: what stands for the projection of a gate is X.

    With linear_before_reset ≠ 0 the candidate has a projection and a product of its own.
    """

    def _one(self, gate: str, state: Value, plus: Value) -> Value:
        return self._of_both(plus, state, gate)

    def _both(self, state: Value, plus: Value) -> Value:
        return self._of_both(plus, state, "zr")

    def _of_both(self, x: Value, state: Value, part: str) -> Value:
        both = self._e.concat([x, state], self._v.state_rank - 1, f"X_{state.name}")
        bias = self._e.value(f"{self._p}b{part}") if "B" in self._v.has else None
        return self._e.gemm(both, self._e.value(f"{self._p}WR{part}"), bias, f"pre_{part}")
