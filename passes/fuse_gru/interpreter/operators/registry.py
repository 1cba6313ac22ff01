"""The operators that are interpreted, with what each does: to have one more read, list it here.

A handler takes a :class:`call.Call` and returns what is known of the node's outputs; it raises NotUnderstoodError where
the node is used in a way that it does not cover. A function of one tensor needs no handler of its own: ``"Selu":
activation("Selu", alpha=1.67, gamma=1.05)`` would do. What is folded where all inputs are constants is listed in
:data:`constant_arithmetic.ELEMENTWISE`, and what may be a gate's function in :data:`gate_functions.GATE_FUNCTIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
from gru_lower.passes.fuse_gru.algebra.clip_and_where import maximum, where
from gru_lower.passes.fuse_gru.algebra.division import divide, log, power
from gru_lower.passes.fuse_gru.interpreter.operators import (
    casts,
    comparisons,
    convolutions,
    indexing,
    normalizations,
    products,
    reductions,
    reshaping,
    sequences,
    shapes_and_constants,
)
from gru_lower.passes.fuse_gru.interpreter.operators.activations import activation, clip_node, prelu_node
from gru_lower.passes.fuse_gru.interpreter.operators.elementwise import elementwise, mean_node, min_node, pairwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

HANDLERS: dict[str, Callable[[Call], list[Known]]] = {
    "Add": elementwise(lambda algebra, *polys: algebra.add(*polys)),
    "Sum": elementwise(lambda algebra, *polys: algebra.add(*polys)),
    "Sub": elementwise(Algebra.subtract),
    "Mul": elementwise(lambda algebra, a, b: algebra.mul(a, b)),
    "Div": elementwise(divide),
    "Neg": elementwise(lambda algebra, poly: algebra.scale(poly, -1.0)),
    "Reciprocal": elementwise(lambda algebra, poly: divide(algebra, algebra.constant(1.0), poly)),
    "Pow": elementwise(power),
    "Log": elementwise(log),
    "Where": elementwise(where),
    "And": elementwise(lambda algebra, a, b: algebra.mul(a, b)),
    "Or": elementwise(lambda algebra, a, b: algebra.function("Or", a, b)),
    "Mod": elementwise(lambda algebra, a, b: algebra.function("Mod", a, b)),
    "Mean": mean_node,
    "Max": pairwise(maximum),
    "Min": min_node,
    # comparisons
    "Less": comparisons.less_node,
    "LessOrEqual": comparisons.less_node,
    "Greater": comparisons.greater_node,
    "GreaterOrEqual": comparisons.greater_node,
    "Equal": comparisons.equal_node,
    "Not": comparisons.not_node,
    # activations
    "Exp": activation("Exp"),
    "Abs": activation("Abs"),
    "Sqrt": activation("Sqrt"),
    "Sigmoid": activation("Sigmoid"),
    "Tanh": activation("Tanh"),
    "Relu": activation("Relu"),
    "Softsign": activation("Softsign"),
    "Softplus": activation("Softplus"),
    "Elu": activation("Elu", alpha=1.0),
    "LeakyRelu": activation("LeakyRelu", alpha=0.01),
    "ThresholdedRelu": activation("ThresholdedRelu", alpha=1.0),
    "HardSigmoid": activation("HardSigmoid", alpha=0.2, beta=0.5),
    "PRelu": prelu_node,
    "Clip": clip_node,
    # products with matrices
    "MatMul": products.matmul_node,
    "Gemm": products.gemm_node,
    "FusedGemm": products.gemm_node,
    "FusedMatMul": products.fused_matmul_node,
    "Einsum": products.einsum_node,
    "BatchNormalization": normalizations.batch_normalization_node,
    "Conv": convolutions.conv_node,
    "FusedConv": convolutions.fused_conv_node,
    # the same numbers
    "Identity": casts.identity_node,
    "Dropout": casts.dropout_node,
    "Cast": casts.cast_node,
    "CastLike": casts.cast_like_node,
    # axes
    "Transpose": reshaping.transpose_node,
    "Reshape": reshaping.reshape_node,
    "Flatten": reshaping.flatten_node,
    "Squeeze": reshaping.squeeze_node,
    "Unsqueeze": reshaping.unsqueeze_node,
    "Expand": reshaping.expand_node,
    "Tile": reshaping.tile_node,
    "Slice": indexing.slice_node,
    "Gather": indexing.gather_node,
    "Split": indexing.split_node,
    "Concat": indexing.concat_node,
    "ReverseSequence": indexing.reverse_sequence_node,
    "ReduceSum": reductions.reduce_node,
    "ReduceMean": reductions.reduce_node,
    "ReduceProd": reductions.reduce_node,
    "ReduceMin": reductions.reduce_unit_axes_node,
    "ReduceMax": reductions.reduce_unit_axes_node,
    # shapes and constants
    "Shape": shapes_and_constants.shape_node,
    "Size": shapes_and_constants.size_node,
    "Constant": shapes_and_constants.constant_node,
    "ConstantOfShape": shapes_and_constants.constant_of_shape_node,
    "Range": shapes_and_constants.range_node,
    "NonZero": shapes_and_constants.non_zero,
    # sequences
    "SplitToSequence": sequences.split_to_sequence_node,
    "SequenceAt": sequences.sequence_at_node,
    "SequenceConstruct": sequences.sequence_construct_node,
    "SequenceEmpty": sequences.sequence_empty_node,
    "SequenceInsert": sequences.sequence_insert_node,
    "SequenceLength": sequences.sequence_length_node,
    "ConcatFromSequence": sequences.concat_from_sequence_node,
}
