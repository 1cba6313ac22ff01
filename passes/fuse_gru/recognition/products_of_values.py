"""Whether anything in a model multiplies two computed values, as every gate does: where nothing does, there is no GRU.

This is asked before values are interpreted, which takes fifty times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import Scope, subgraphs, walk
from gru_lower.passes.fuse_gru.interpreter.operators.registry import HANDLERS

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OF_ONE_VALUE = {
    *("Abs", "Clip", "Elu", "Exp", "HardSigmoid", "LeakyRelu", "Log", "Neg", "PRelu", "Relu", "Sigmoid", "Softplus"),
    *("Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
}
SUMS = {"Add", "Mean", "ReduceMean", "ReduceSum", "Sub", "Sum"}
THE_SAME_NUMBERS = {
    *("Cast", "CastLike", "Concat", "Dropout", "Expand", "Flatten", "Gather", "Identity", "Reshape", "ReverseSequence"),
    *("Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
}
KNOWN_BEFORE = {"Constant", "ConstantOfShape", "Shape", "Size"}
WITH_A_CONSTANT = {
    *("BatchNormalization", "Conv", "Div", "FusedConv", "FusedGemm", "FusedMatMul", "Gemm", "MatMul", "Mul"),
}
"""Operators that multiply what they read: a value by itself and a constant, unless both of the first two are values."""
FREE_INITIALIZERS_IR_VERSION = 4


def multiplies_values(model: ModelProto) -> bool:
    """Whether some node may multiply computed values; bodies and functions may do anything.

    Operators that are not interpreted make values of their own, of which nothing is known.
    """
    if model.functions:
        return True
    scope = next(walk(model))
    harmless = OF_ONE_VALUE | SUMS | THE_SAME_NUMBERS | KNOWN_BEFORE
    others = [node for node in scope.nodes if node.op_type not in harmless]
    if not others:
        return False
    constants = _constants(scope)
    return any(_multiplies(node, constants) for node in others)


def _multiplies(node: NodeProto, constants: set[str]) -> bool:
    if node.op_type in WITH_A_CONSTANT:
        return sum(name not in constants for name in node.input[:2]) > 1
    return node.op_type in HANDLERS or (bool(node.attribute) and any(subgraphs(node)))


def _constants(scope: Scope) -> set[str]:
    """Return the names of a graph's initializers that are no defaults of inputs, and of its Constant nodes' outputs."""
    found = set(scope.initializers)
    if scope.ir_version >= FREE_INITIALIZERS_IR_VERSION:
        found.difference_update(scope.inputs)
    found.update(name for node in scope.nodes if node.op_type == "Constant" for name in node.output)
    return found
