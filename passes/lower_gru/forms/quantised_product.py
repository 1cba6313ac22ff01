"""The nodes of one product with weights in whole numbers, as each kind of weights and each dialect spells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.passes.lower_gru.four_bit_weights import BLOCK
from gru_lower.passes.lower_gru.integer_weights import MIDDLE

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.products import Products

OWN_DOMAIN = "com.microsoft"
"""That of onnxruntime's own operators."""
IN_INT8 = 4
"""The accuracy_level at which MatMulNBits rounds its left side to eight bits, block by block."""


class Size(NamedTuple):
    """How large a weight [K, N] is."""

    rows: int
    columns: int


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


def dynamically(e: Emitter, a: Value) -> Quantised:
    """Return a value in whole numbers of eight bits; once, however many products it is in."""
    names = [f"{a.name}_q", f"{a.name}_scale", f"{a.name}_zero"]
    return Quantised(*e.shared(f"quantised {a.name}", lambda: e.multi("DynamicQuantizeLinear", [a], names)))


def product(e: Emitter, a: Quantised, weight: str, bias: Value | None, name: str, *, products: Products) -> Value:
    """Return ``a W + bias``, [..., N] floats.

    Args:
        e: Where to write.
        a: [..., K].
        weight: The local name of W: ``Wq`` [K, N] and ``Ws`` [N] are its whole numbers and their scales for ``W``.
        bias: What to add, [N], or ``None``.
        name: What to call the result.
        products: What the whole numbers of W are, and how to spell it.

    """
    whole_weight, scale, middle = e.value(f"{weight}q"), e.value(f"{weight}s"), _middle(e, weight, products)
    if products.dialect == "ort":
        inputs = [a.whole, whole_weight, a.scale, scale, a.zero, middle, bias]
        return _own(e, "MatMulIntegerToFloat", inputs, name)
    whole = e.op("MatMulInteger", [a.whole, whole_weight, a.zero, *filter(None, [middle])], f"{name}_whole")
    floats = e.op("Cast", [whole], f"{name}_cast", to=TensorProto.FLOAT)
    scales = e.op("Mul", [a.scale, scale], f"{name}_scale")
    e.within_kernels.update(value.name for value in (*a, whole, floats, scales))
    result = e.op("Mul", [floats, scales], name if bias is None else f"{name}_product")
    if bias is None:
        return result
    e.within_kernels.add(result.name)
    return e.op("Add", [result, bias], name)


def multiplied(
    e: Emitter, products: Products, a: Value, weight: str, bias: Value | None, name: str, size: Size
) -> Value:
    """Return ``a W + bias`` of floats [..., K], which are quantised in one part where weights have eight bits.

    Args:
        e: Where to write.
        products: What the whole numbers of W are, and how to spell it.
        a: The left side.
        weight: The local name of W.
        bias: What to add, [N], or ``None``.
        name: What to call the result.
        size: K and N.

    """
    if products.recurrent_weights == "int4" and products.dialect == "ort":
        inputs = [a, e.value(f"{weight}q"), e.value(f"{weight}s"), None, None, bias]
        attributes = {"K": size.rows, "N": size.columns, "bits": 4, "block_size": BLOCK, "accuracy_level": IN_INT8}
        return _own(e, "MatMulNBits", inputs, name, **attributes)
    if products.recurrent_weights == "int4":
        scaled = [e.value(f"{weight}q"), e.value(f"{weight}s")]
        floats = e.op("DequantizeLinear", scaled, f"{name}_weight", axis=0, block_size=BLOCK)
        result = e.op("MatMul", [a, floats], name if bias is None else f"{name}_product")
        e.within_kernels.update([floats.name, *([] if bias is None else [result.name])])
        return result if bias is None else e.op("Add", [result, bias], name)
    if products.dialect == "ort":
        inputs = [a, e.value(f"{weight}q"), e.value(f"{weight}s"), _middle(e, weight, products), bias]
        return _own(e, "DynamicQuantizeMatMul", inputs, name)
    return product(e, dynamically(e, a), weight, bias, name, products=products)


def _middle(e: Emitter, weight: str, products: Products) -> Value | None:
    """Return the zero point of W, ``None`` for 0."""
    of_input = weight.endswith("W")
    kind = products.input_weights if of_input else products.recurrent_weights
    return e.tensor("middle", MIDDLE, TensorProto.UINT8) if kind == "uint8" else None


def _own(e: Emitter, op_type: str, inputs: list[Value | None], name: str, **attributes: int) -> Value:
    """Append a node of onnxruntime's own operators."""
    while inputs[-1] is None:
        inputs.pop()
    value = e.op(op_type, inputs, name, **attributes)
    e.graph.nodes[-1].domain = OWN_DOMAIN
    return value
