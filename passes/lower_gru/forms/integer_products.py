"""Products in whole numbers: the left side is quantised when the model runs, the weights are whole numbers already.

    q, scale, zero = DynamicQuantizeLinear(a)
    a W = Cast(MatMulInteger(q, Wq, zero)) · (scale · W_scale)

The update and the reset gate are one value [B, 2H] from their product to their activation: a step is that many kernels
less, which counts for small H.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

BOTH = 2
"""How many gates a joined value holds."""


class GateOfBoth(NamedTuple):
    """The update or the reset gate, as a half of a value [B, 2H] that holds both.

    Attributes:
        both: The value.
        place: 0 for the update gate, 1 for the reset gate.

    """

    both: Value
    place: int


def product(e: Emitter, a: Value, weight: str, bias: Value | None, name: str) -> Value:
    """Return ``a W + bias``, [..., N] floats.

    Args:
        e: Where to write.
        a: Floats [..., K]; quantised once, however many products it is in.
        weight: The local name of W: ``Wq`` [K, N] and ``Ws`` [N] are its whole numbers and their scales for ``W``.
        bias: What to add, [N], or ``None``.
        name: What to call the result.

    """
    names = [f"{a.name}_q", f"{a.name}_scale", f"{a.name}_zero"]
    q, scale, zero = e.shared(f"quantised {a.name}", lambda: e.multi("DynamicQuantizeLinear", [a], names))
    whole = e.op("MatMulInteger", [q, e.value(f"{weight}q"), zero], f"{name}_whole")
    floats = e.op("Cast", [whole], f"{name}_cast", to=TensorProto.FLOAT)
    scales = e.op("Mul", [scale, e.value(f"{weight}s")], f"{name}_scale")
    result = e.op("Mul", [floats, scales], name if bias is None else f"{name}_product")
    return result if bias is None else e.op("Add", [result, bias], name)


def split_gates(e: Emitter, v: Variant, value: Value, name: str) -> list[Value]:
    """Cut [..., 3H] into the part of both gates and that of the candidate, along the last of two axes."""
    h = v.hidden_size
    names = [f"{name}zr", f"{name}h"]
    if e.opset < 13:  # split is an attribute
        return e.multi("Split", [value], names, axis=1, split=[BOTH * h, h])
    return e.multi("Split", [value, e.ints("both_and_candidate", [BOTH * h, h])], names, axis=1)


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
            return e.op("Add", [plus, product(e, state, f"{self._p}Rh", None, "recurrent_h")], f"pre_{gate}")

        def both() -> Value:
            return e.op("Add", [plus.both, self._gates_product(state)], "pre_zr")

        return GateOfBoth(e.shared(f"pre_zr of {state.name}", both), plus.place)

    def candidate(self, state: Value) -> Value:
        """Return ``state Rhᵀ + Rbh``, for linear_before_reset ≠ 0."""
        return self._all(state)[1]

    def _gates_product(self, state: Value) -> Value:
        if self._v.linear_before_reset:
            return self._all(state)[0]
        return product(self._e, state, f"{self._p}Rzr", None, "recurrent_zr")

    def _all(self, state: Value) -> list[Value]:
        e = self._e

        def cut() -> list[Value]:
            bias = e.value(f"{self._p}Rb") if "B" in self._v.has else None
            return split_gates(e, self._v, product(e, state, f"{self._p}R", bias, "recurrent"), "recurrent_")

        parts: list[Value] = e.shared(f"recurrent of {state.name}", cut)
        return parts
