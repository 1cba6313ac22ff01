"""Steps that round or draw numbers: quantised ones, mixed precision, and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.random_nodes import DRAWING

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep

QUANTISERS = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul"),
    *("QLinearConv", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QGemm", "MatMulIntegerToFloat", "MatMulNBits"),
    *("DynamicQuantizeMatMul", "QLinearConcat", "FakeQuantize", "QLinearLeakyRelu", "MatMulBnb4"),
}
"""Operators that compute with few bits, or round to them."""
FLOATS: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
}


def reason_in_numbers(step: RecurrentStep) -> str | None:
    """Say that a step is quantised, computed in two precisions, or draws random numbers; ``None`` where it is not."""
    makers = step.makers()[::-1]
    quantisers = list(dict.fromkeys(node.op_type for node in makers if node.op_type in QUANTISERS))
    if quantisers:
        verb = "rounds" if len(quantisers) == 1 else "round"
        return f"quantised: {listed(quantisers)} {verb} in its step, and a GRU rounds nothing"
    kinds = list(dict.fromkeys(kind for node in makers for kind in _cast_floats(step, node)))
    if len(kinds) > 1:
        return f"mixed precision: casts between {listed(sorted(kinds))} stand in its step"
    if kinds:
        return f"mixed precision: a Cast to {kinds[0]} stands in its step"
    drawing = next((node.op_type for node in makers if node.op_type in {*DRAWING, "Dropout"}), None)
    return None if drawing is None else f"its step draws random numbers ({drawing})"


def _cast_floats(step: RecurrentStep, node: NodeProto) -> list[str]:
    """Return the float types that a cast of a float converts between, as far as they are known."""
    if node.op_type not in ("Cast", "CastLike"):
        return []
    scope, facts = step.values.scope, step.values.facts
    to = next((each.i for each in node.attribute if each.name == "to"), 0) or facts.elem_type(scope, node.output[0])
    given = facts.elem_type(scope, node.input[0])
    if to not in FLOATS or given not in {0, *FLOATS}:
        return []
    return [FLOATS[kind] for kind in (given, to) if kind in FLOATS]


def listed(words: list[str]) -> str:
    """Return words with commas and an "and"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
