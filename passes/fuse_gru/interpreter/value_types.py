"""Element types of values, also inside of a function, where only the call says what the types are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues

# fmt: off
KEEPS_TYPE = frozenset({
    "Identity", "Add", "Sub", "Mul", "Div", "Neg", "Sum", "Mean", "Max", "Min", "Pow", "Abs", "Exp", "Log", "Sqrt",
    "Reciprocal", "Sigmoid", "HardSigmoid", "Tanh", "Relu", "LeakyRelu", "Elu", "Softsign", "Softplus", "Clip",
    "MatMul", "Gemm", "Split", "Slice", "Gather", "Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
    "Expand", "Tile", "ReduceSum", "ReduceMean",
})
# fmt: on
"""Operators whose output has the type of their first input."""


def elem_type_of(values: ScopeValues, name: str) -> int:
    """Return the element type of a value, 0 where it is not known.

    Args:
        values: The scope it is read in.
        name: The value.

    """
    seen = set[str]()
    while name not in seen:
        seen.add(name)
        known = values.facts.elem_type(values.scope, name) or values.given_types.get(name, 0)
        index = values.scope.producers.get(name)
        if known or index is None:
            return known
        node = values.scope.nodes[index]
        source = 1 if node.op_type == "CastLike" else 0
        if not is_onnx(node) or node.op_type not in {*KEEPS_TYPE, "CastLike"} or len(node.input) <= source:
            return 0
        name = node.input[source]
    return 0
