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

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.passes.lower_gru.integer_weights import MIDDLE

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

BOTH = 2
"""How many gates a joined value holds."""
WIDTHS = {"R": 3, "Rzr": BOTH, "Rh": 1}
"""How many gates a recurrent weight is for."""
SEVEN_BITS = 63
"""How many steps there are to either side in seven bits."""


class GateOfBoth(NamedTuple):
    """The update or the reset gate, as a half of a value [B, 2H] that holds both.

    Attributes:
        both: The value.
        place: 0 for the update gate, 1 for the reset gate.

    """

    both: Value
    place: int


class Quantised(NamedTuple):
    """A value in whole numbers.

    Attributes:
        whole: The whole numbers, uint8.
        scale: What they are multiplied by, a scalar.
        zero: The one that stands for 0, a scalar.

    """

    whole: Value
    scale: Value
    zero: Value


def projected(e: Emitter, v: Variant, rows: Value, p: str) -> list[Value]:
    """Return the projection of rows [..., I], by :attr:`Variant.parts`."""
    unsigned = v.products.input_weights == "uint8"
    bias = e.value(f"{p}b") if "B" in v.has else None
    if v.products.input_terms == 1:
        value = product(e, dynamically(e, rows), f"{p}W", bias, f"{p}X_all", unsigned=unsigned)
    else:
        coarse, fine = e.shared(f"parts of {rows.name}", lambda: _in_two_parts(e, rows))
        most = product(e, coarse, f"{p}W", bias, f"{p}X_coarse", unsigned=unsigned)
        rest = product(e, fine, f"{p}W", None, f"{p}X_fine", unsigned=unsigned)
        value = e.op("Add", [most, rest], f"{p}X_all")
    return split_gates(e, v, value, f"{p}X")


def dynamically(e: Emitter, a: Value) -> Quantised:
    """Return a value in whole numbers of eight bits; once, however many products it is in."""
    names = [f"{a.name}_q", f"{a.name}_scale", f"{a.name}_zero"]
    return Quantised(*e.shared(f"quantised {a.name}", lambda: e.multi("DynamicQuantizeLinear", [a], names)))


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


def product(e: Emitter, a: Quantised, weight: str, bias: Value | None, name: str, *, unsigned: bool = False) -> Value:
    """Return ``a W + bias``, [..., N] floats.

    Args:
        e: Where to write.
        a: [..., K].
        weight: The local name of W: ``Wq`` [K, N] and ``Ws`` [N] are its whole numbers and their scales for ``W``.
        bias: What to add, [N], or ``None``.
        name: What to call the result.
        unsigned: Whether the whole numbers of W are unsigned, around 128.

    """
    middle = [e.tensor("middle", MIDDLE, TensorProto.UINT8)] if unsigned else []
    whole = e.op("MatMulInteger", [a.whole, e.value(f"{weight}q"), a.zero, *middle], f"{name}_whole")
    floats = e.op("Cast", [whole], f"{name}_cast", to=TensorProto.FLOAT)
    scales = e.op("Mul", [a.scale, e.value(f"{weight}s")], f"{name}_scale")
    e.within_kernels.update(value.name for value in (*a, whole, floats, scales))
    result = e.op("Mul", [floats, scales], name if bias is None else f"{name}_product")
    if bias is None:
        return result
    e.within_kernels.add(result.name)
    return e.op("Add", [result, bias], name)


def split_gates(e: Emitter, v: Variant, value: Value, name: str) -> list[Value]:
    """Cut [..., 3H] into the part of both gates and that of the candidate."""
    h = v.hidden_size
    names = [f"{name}zr", f"{name}h"]
    if e.opset < 13:  # split is an attribute
        return e.multi("Split", [value], names, axis=-1, split=[BOTH * h, h])
    return e.multi("Split", [value, e.ints("both_and_candidate", [BOTH * h, h])], names, axis=-1)


class IntegerProducts:
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
        e = self._e
        if not isinstance(plus, GateOfBoth):
            return e.op("Add", [plus, self._product(state, "Rh", None, "recurrent_h")], f"pre_{gate}")

        def both() -> Value:
            return e.op("Add", [plus.both, self._gates_product(state)], "pre_zr")

        return GateOfBoth(e.shared(f"pre_zr of {state.name}", both), plus.place)

    def candidate(self, state: Value) -> Value:
        """Return ``state Rhᵀ + Rbh``, for linear_before_reset ≠ 0."""
        return self._all(state)[1]

    def _gates_product(self, state: Value) -> Value:
        if self._v.linear_before_reset:
            return self._all(state)[0]
        return self._product(state, "Rzr", None, "recurrent_zr")

    def _product(self, state: Value, weight: str, bias: Value | None, name: str) -> Value:
        unsigned = self._v.products.recurrent_weights == "uint8"
        a = dynamically(self._e, state)
        result = product(self._e, a, f"{self._p}{weight}", bias, name, unsigned=unsigned)
        self._e.widths[result.name] = WIDTHS[weight] * self._v.hidden_size
        return result

    def _all(self, state: Value) -> list[Value]:
        e = self._e

        def cut() -> list[Value]:
            bias = e.value(f"{self._p}Rb") if "B" in self._v.has else None
            return split_gates(e, self._v, self._product(state, "R", bias, "recurrent"), "recurrent_")

        parts: list[Value] = e.shared(f"recurrent of {state.name}", cut)
        return parts
