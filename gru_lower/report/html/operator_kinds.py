"""The kinds of operators, which decide their colours: in pictures, legends and charts the same."""

from __future__ import annotations

KINDS: dict[str, tuple[str, str]] = {
    "recurrent": ("recurrent", "GRU LSTM RNN"),
    "control": ("control flow", "If Loop Scan SequenceMap"),
    "product": (
        "products",
        (
            "Gemm MatMul MatMulInteger QLinearMatMul Conv ConvInteger QLinearConv ConvTranspose Einsum MatMulNBits "
            "DynamicQuantizeMatMul MatMulIntegerToFloat"
        ),
    ),
    "function": (
        "functions",
        (
            "Sigmoid Tanh Relu HardSigmoid Elu LeakyRelu ThresholdedRelu Softsign Softplus Softmax Affine ScaledTanh "
            "Gelu Selu Celu PRelu Erf Exp Log Sqrt HardSwish Mish LogSoftmax Swish"
        ),
    ),
    "elementwise": (
        "elementwise",
        (
            "Add Sub Mul Div Neg Clip Min Max Where Equal Greater Less GreaterOrEqual LessOrEqual And Or Not Xor Pow "
            "Abs Sign Floor Ceil Round Mod Reciprocal Sum Mean"
        ),
    ),
    "view": (
        "shapes and places",
        (
            "Reshape Transpose Squeeze Unsqueeze Split Concat Slice Gather GatherND GatherElements Expand Tile Shape "
            "Size Identity Flatten Pad ScatterND ScatterElements ReverseSequence ConstantOfShape Range SplitToSequence "
            "ConcatFromSequence SequenceAt SequenceInsert SequenceEmpty Constant Cast CastLike"
        ),
    ),
    "quantiser": ("quantisers", "QuantizeLinear DequantizeLinear DynamicQuantizeLinear BlockQuantize"),
    "other": ("others", ""),
}
"""By kind: its name, and ONNX's operators of it."""
_KIND_OF = {operator: kind for kind, (_, operators) in KINDS.items() for operator in operators.split()}


def kind_of(operator: str) -> str:
    """Return an operator's kind: a key of :data:`KINDS`."""
    return _KIND_OF.get(operator, _KIND_OF.get(operator.rpartition("::")[2], "other"))
