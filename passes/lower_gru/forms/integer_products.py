"""Products in whole numbers: the left side is quantised when the model runs, the weights are whole numbers already.

    q, scale, zero = DynamicQuantizeLinear(a)
    a W = Cast(MatMulInteger(q, Wq, zero)) · (scale · W_scale)

X may be many times as large as a state, and its scale is one for all steps and sequences. Where it costs little, it is
taken in two parts of seven bits, the second being what rounding to the first left over; seven bits leave the weights
all eight of theirs, whatever a CPU adds up products with:

    a W = a' W + (a - a') W        a' = DequantizeLinear(QuantizeLinear(a, coarse, 64), coarse, 64)

The update and the reset gate are one value [B, 2H] from their product to their activation: a step is that many kernels
less, which counts for small H.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.forms.joined_gates import JoinedProducts
from gru_lower.passes.lower_gru.forms.quantised_product import Quantised, Size, dynamically, multiplied, product

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

BOTH = 2
"""How many gates a joined value holds."""
WIDTHS = {"R": 3, "Rzr": BOTH, "Rh": 1}
"""How many gates a recurrent weight is for."""
SEVEN_BITS = 63
"""How many steps there are to either side in seven bits."""


def projected(e: Emitter, v: Variant, rows: Value, p: str) -> list[Value]:
    """Return the projection of rows [..., I], by :attr:`Variant.parts`."""
    bias = e.value(f"{p}b") if "B" in v.has else None
    if v.products.input_terms == 1:
        size = Size(v.input_size or 0, (BOTH + 1) * v.hidden_size)
        value = multiplied(e, v.products, rows, f"{p}W", bias, f"{p}X_all", size)
    else:
        coarse, fine = e.shared(f"parts of {rows.name}", lambda: _in_two_parts(e, rows))
        most = product(e, coarse, f"{p}W", bias, f"{p}X_coarse", products=v.products)
        rest = product(e, fine, f"{p}W", None, f"{p}X_fine", products=v.products)
        value = e.op("Add", [most, rest], f"{p}X_all")
    return split_gates(e, v, value, f"{p}X")


def _in_two_parts(e: Emitter, a: Value) -> tuple[Quantised, Quantised]:
    """Return a value as a sum of two, each in whole numbers of seven bits around 64."""
    zero = e.tensor("middle_of_seven_bits", SEVEN_BITS + 1, TensorProto.UINT8)
    # A scale of 255 steps between the least and the largest value covers the larger of both in 63 of its size.
    widened = e.tensor("steps_to_either_side", 255.0 / SEVEN_BITS)
    coarse = e.op("Mul", [dynamically(e, a).scale, widened], f"{a.name}_coarse_scale")
    whole = e.op("QuantizeLinear", [a, coarse, zero], f"{a.name}_coarse")
    rest = e.sub(a, e.op("DequantizeLinear", [whole, coarse, zero], f"{a.name}_rounded"), f"{a.name}_rest")
    # Of what is left, no more than half a step.
    fine = e.op("Mul", [coarse, e.tensor("step_of_rest", 0.5 / SEVEN_BITS)], f"{a.name}_fine_scale")
    return (
        Quantised(whole, coarse, zero),
        Quantised(e.op("QuantizeLinear", [rest, fine, zero], f"{a.name}_fine"), fine, zero),
    )


def split_gates(e: Emitter, v: Variant, value: Value, name: str) -> list[Value]:
    """Cut [..., 3H] into the part of both gates and that of the candidate."""
    h = v.hidden_size
    names = [f"{name}zr", f"{name}h"]
    if e.opset < 13:  # split is an attribute
        return e.multi("Split", [value], names, axis=-1, split=[BOTH * h, h])
    return e.multi("Split", [value, e.ints("both_and_candidate", [BOTH * h, h])], names, axis=-1)


class IntegerProducts(JoinedProducts):
    """Those of quantised weights."""

    def candidate(self, state: Value) -> Value:
        """Return ``state Rhᵀ + Rbh``, for linear_before_reset ≠ 0."""
        return self._all(state)[1]

    def _one(self, gate: str, state: Value, plus: Value) -> Value:
        return self._e.op("Add", [plus, self._product(state, "Rh", None, "recurrent_h")], f"pre_{gate}")

    def _both(self, state: Value, plus: Value) -> Value:
        whole = self._v.linear_before_reset
        product = self._all(state)[0] if whole else self._product(state, "Rzr", None, "recurrent_zr")
        return self._e.op("Add", [plus, product], "pre_zr")

    def _product(self, state: Value, weight: str, bias: Value | None, name: str) -> Value:
        size = Size(self._v.hidden_size, WIDTHS[weight] * self._v.hidden_size)
        result = multiplied(self._e, self._v.products, state, f"{self._p}{weight}", bias, name, size)
        self._e.widths[result.name] = size.columns
        return result

    def _all(self, state: Value) -> list[Value]:
        e = self._e

        def cut() -> list[Value]:
            bias = e.value(f"{self._p}Rb") if "B" in self._v.has else None
            return split_gates(e, self._v, self._product(state, "R", bias, "recurrent"), "recurrent_")

        parts: list[Value] = e.shared(f"recurrent of {state.name}", cut)
        return parts
