"""An emitter that rounds what a lowered GRU computes: behind a value come QuantizeLinear and DequantizeLinear.

Which values are rounded is up to :class:`gru_lower.passes.quantize_gru.static_scheme.StaticScheme`. A scale's free name
is that of its value, ``pre_z_scale``, in every step and in both directions: there is one for all.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from gru_lower.emission.emitter import Emitter, Value
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.variant import Variant
from gru_lower.passes.quantize_gru.static_scheme import StaticScheme

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPUTES = frozenset(
    {"MatMul", "Add", "Sub", "Mul", "Div", "Sigmoid", "Tanh", "HardSigmoid", "Softsign", "Relu", "LeakyRelu", "Elu"}
    | {"ThresholdedRelu", "Softplus", "Max", "Min", "Where"}
)
"""The operators whose results are rounded; others only move values."""
VIEWS = frozenset({"Reshape", "Transpose", "Slice", "Gather", "Squeeze", "Unsqueeze"})
"""Those whose results a chip without floats wants rounded as well, by the scale of what they move."""
REVERSE = "reverse_"


@dataclass(frozen=True)
class StaticVariant(Variant):
    """A variant whose values are rounded.

    Attributes:
        scheme: Which, and to what.

    """

    scheme: StaticScheme = field(default_factory=lambda: StaticScheme("uint8"))

    def emitter(self, around: Emitter | None = None) -> Emitter:
        """Return an emitter that rounds, for the variant or a body of another emitter's node."""
        return StaticEmitter(self, around)


class StaticEmitter(Emitter):
    """Authors one graph, or one body, of a statically quantised GRU.

    Args:
        v: The variant.
        around: The emitter of the graph around a body.

    """

    def __init__(self, v: StaticVariant, around: Emitter | None = None) -> None:
        """Start an empty graph."""
        super().__init__(v.opset, v.elem_type, v.vocabulary, around)
        self._v = v
        self._roles: dict[int, str] = {}

    def value(self, name: str) -> Value:
        """Return the free value of a name; an initial state is rounded where the state is."""
        plain = super().value(name)
        if name != "initial_h" or self._v.scheme.state == "float":
            return plain
        return self.shared("rounded initial_h", lambda: self._rounded(plain, "Ht"))

    def gemm(
        self, a: Value, b: Value, c: Value | None, name: str, *, computed: bool = False, one_entry: bool = False
    ) -> Value:
        """Return ``a bᵀ + c``: a Gemm where c is a bias, which is added up in int32; else MatMul and Add."""
        del one_entry  # a product of whole numbers is a MatMul, whatever its size
        if c is None or computed:
            return super().gemm(a, b, c, name, computed=computed)
        bias = self.shared(f"dequantised {c.name}", lambda: self._dequantised(c.name, 0))
        operands = self._rounded_operands(a, super().value(f"{b.name}T"), zero_point=True)
        return self._maybe_rounded(super().op("Gemm", [*operands, bias], name), name)

    def op(self, op_type: str, inputs: Sequence[Value | None], name: str, **attributes: Any) -> Value:  # noqa: ANN401
        """Append a node with one output, rounded where the scheme asks for it."""
        if op_type == "MatMul":
            inputs = self._rounded_operands(*inputs)
        result = super().op(op_type, inputs, name, **attributes)
        if op_type in COMPUTES:
            return self._maybe_rounded(result, name)
        role = self._roles.get(id(inputs[0])) if op_type in VIEWS and inputs else None
        return result if role is None or self._v.scheme.state == "float" else self._rounded(result, role)

    def _maybe_rounded(self, value: Value, name: str) -> Value:
        """Return a value rounded where the scheme asks for it."""
        local = name.removeprefix(REVERSE)
        kind = self._v.scheme.kind(local, linear_before_reset=self._v.linear_before_reset)
        return value if kind is None else self._rounded(value, local)

    def _rounded_operands(self, left: Value, weight: Value, *, zero_point: bool = False) -> list[Value]:
        """Return a product's operands in whole numbers: the weight is stored as such.

        Args:
            left: The values.
            weight: The weight.
            zero_point: Whether a zero point is given though it is 0: onnxruntime makes no QGemm without.

        """
        role = "X" if weight.name.removeprefix(REVERSE).startswith("W") else "state"
        rounded = self.shared(f"rounded {role} {left.name}", lambda: self._rounded(left, role))
        dequantised = self.shared(
            f"dequantised {weight.name}",
            lambda: self._dequantised(weight.name, 1, zero_point=zero_point or self._v.scheme.zero_points),
        )
        return [rounded, dequantised]

    def _rounded(self, value: Value, role: str) -> Value:
        """Return a value rounded to whole numbers and back, by the scale of its role."""
        scale, zero_point = super().value(f"{role}_scale"), super().value(f"{role}_zero_point")
        whole = self._quantiser("QuantizeLinear", [value, scale, zero_point], f"{value.name}_quantised")
        made = self._quantiser("DequantizeLinear", [whole, scale, zero_point], f"{value.name}_rounded")
        self._roles[id(made)] = role
        return made

    def _dequantised(self, name: str, axis: int, *, zero_point: bool = False) -> Value:
        """Return a constant that is stored in whole numbers: a weight, or a bias in the steps of its products."""
        inputs = [super().value(f"{name}_quantised"), super().value(f"{name}_scale")]
        if zero_point:
            inputs.append(super().value(f"{name}_zero_point"))
        return self._quantiser("DequantizeLinear", inputs, f"{name}_dequantised", axis=axis)

    def _quantiser(self, op_type: str, inputs: Sequence[Value], name: str, **attributes: Any) -> Value:  # noqa: ANN401
        made = super().op(op_type, inputs, name, **attributes)
        self.graph.nodes[-1].domain = self._v.scheme.domain or None
        return made
