"""Whether a model may hold a recurrence: something multiplies two computed values, or the same weights are used twice.

Every gate is a product of computed values, so where there is none, there is no GRU. Other recurrences, which are named
as such, multiply by the same weights in each step.

This is asked before values are interpreted, which takes fifty times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph import tensor_values
from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import Scope, subgraphs, walk

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

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
UNREAD = {"GRU", "LSTM", "RNN"}
"""Operators that have no handler, and no body."""
PRODUCTS = WITH_A_CONSTANT - {"BatchNormalization", "Div", "Mul"}
FREE_INITIALIZERS_IR_VERSION = 4


def may_recur(model: ModelProto) -> bool:
    """Whether some node may multiply computed values, or two the same weights; bodies and functions may do anything.

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
    return any(_multiplies(node, constants) for node in others) or _share_weights(others, scope)


def _share_weights(nodes: list[NodeProto], scope: Scope) -> bool:
    """Whether two products are with the same weights, as those of an unrolled recurrence's steps are.

    An exporter may store them once a step, so those of one shape are compared; those in other files, which take long
    to read, may be the same.
    """
    names: set[str] = set()
    tensors: dict[tuple[int, ...], list[TensorProto]] = {}
    held = _tensors(scope)
    for name in (name for node in nodes if node.op_type in PRODUCTS for name in node.input[:2] if name in held):
        if name in names:
            return True
        names.add(name)
        tensors.setdefault((held[name].data_type, *held[name].dims), []).append(held[name])
    return any(_has_repeated(alike) for alike in tensors.values() if len(alike) > 1)


def _has_repeated(tensors: list[TensorProto]) -> bool:
    if any(is_external(tensor) for tensor in tensors):
        return True
    return len({tensor_values.digest(tensor, None) for tensor in tensors}) < len(tensors)


def _multiplies(node: NodeProto, constants: set[str]) -> bool:
    if node.op_type in WITH_A_CONSTANT:
        return sum(name not in constants for name in node.input[:2]) > 1
    if node.op_type in UNREAD:
        return False
    from gru_lower.passes.fuse_gru.interpreter.operators.registry import HANDLERS  # all of the interpreter

    return node.op_type in HANDLERS or (bool(node.attribute) and any(subgraphs(node)))


def _constants(scope: Scope) -> set[str]:
    """Return the names of a graph's initializers that are no defaults of inputs, and of its Constant nodes' outputs."""
    found = set(scope.initializers)
    if scope.ir_version >= FREE_INITIALIZERS_IR_VERSION:
        found.difference_update(scope.inputs)
    found.update(name for node in scope.nodes if node.op_type == "Constant" for name in node.output)
    return found


def _tensors(scope: Scope) -> dict[str, TensorProto]:
    """Return a graph's initializers and the tensors of its Constant nodes, by name."""
    made = {
        node.output[0]: attribute.t
        for node in scope.nodes
        if node.op_type == "Constant" and node.output
        for attribute in node.attribute
        if attribute.name == "value"
    }
    return made | dict(scope.initializers)
