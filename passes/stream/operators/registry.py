"""Which operators stream, and how: one handler for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.stream.operators.convolutions import conv, conv_transpose, global_pool, pool
from gru_lower.passes.stream.operators.elementwise import elementwise
from gru_lower.passes.stream.operators.joins import concat, pad
from gru_lower.passes.stream.operators.products import einsum, gemm, matmul
from gru_lower.passes.stream.operators.recurrences import recurrence
from gru_lower.passes.stream.operators.reductions import (
    along_axis,
    by_channel,
    from_axis,
    over_axes,
    over_spatial,
    quantised,
    reduction,
    resize,
)
from gru_lower.passes.stream.operators.running import cumsum
from gru_lower.passes.stream.operators.slices import gather, slice_, split
from gru_lower.passes.stream.operators.views import (
    expand,
    reshape,
    space_and_depth,
    squeeze,
    tile,
    transpose,
    unsqueeze,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer

ELEMENTWISE = {
    *("Identity", "Cast", "CastLike", "Dropout", "Abs", "Neg", "Sqrt", "Exp", "Log", "Reciprocal", "Sign", "Floor"),
    *("Ceil", "Round", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "PRelu", "Sigmoid", "HardSigmoid", "Tanh", "Clip"),
    *("Softplus", "Softsign", "ThresholdedRelu", "Gelu", "HardSwish", "Mish", "Swish", "Erf", "Sin", "Cos", "Tan"),
    *("Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "IsNaN", "IsInf", "Not", "BitwiseNot"),
    *("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "And", "Or", "Xor", "Equal", "Less"),
    *(
        "LessOrEqual",
        "Greater",
        "GreaterOrEqual",
        "Where",
        "BitShift",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "Shrink",
    ),
}
REDUCTIONS = {
    *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"),
    *("ReduceLogSum", "ReduceLogSumExp", "ArgMax", "ArgMin"),
}

SHARES_EDGES = {
    *ELEMENTWISE,
    *("Conv", "MaxPool", "AveragePool", "LpPool", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Concat"),
}
"""What takes first frames that are padding which is not written yet."""

HANDLERS: dict[str, Callable[[Streamer, Node], None]] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(("Reshape", "Flatten"), reshape),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), space_and_depth),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), recurrence),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"), global_pool),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "TopK"), along_axis),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), from_axis),
    **dict.fromkeys(("BatchNormalization", "LRN"), by_channel),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), over_spatial),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), quantised),
    **dict.fromkeys(("Resize", "Upsample"), resize),
    "MeanVarianceNormalization": over_axes,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "Concat": concat,
    "Pad": pad,
    "Slice": slice_,
    "Gather": gather,
    "Split": split,
    "CumSum": cumsum,
}
"""By operator, of ONNX's own domain: what streams it where an input comes frame by frame."""
