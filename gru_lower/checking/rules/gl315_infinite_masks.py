"""GL315: infinite constants by which a lowered graph masks its steps, which static int8 takes for the values' range.

``lower`` closes the gates of a step past a sequence's length by rows of +∞, -∞ and 0 in the place of its projections.
That is exact in floats; a quantiser that calibrates the projections gets an infinite scale from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import is_onnx
from gru_lower.gru.spec import FLOAT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto, TensorProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope

MOST_ELEMENTS = 1 << 16
VIEWS = ("Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")
MOVED = {"Gather": 1, "Reshape": 1, "Slice": 1, "Split": 1, "Squeeze": 1, "Unsqueeze": 1}
"""How many inputs of an operator are moved, if not all."""
STEPS = ("Add", "Gemm", "Loop", "Scan")
"""What a step's projections reach: a recurrence, or what adds the recurrent product to them."""
NAMED = 4


def infinite_masks(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find infinite constants that are put in the place of some steps' projections."""
    for scope in checked.scopes:
        found: dict[str, TensorProto] = {}
        where = ""
        for index, node in scope.of_operators("Concat", "Where"):
            tensors = {name: checked.facts.constant(scope, name) for name in node.input}
            infinite = {name: tensor for name, tensor in tensors.items() if tensor is not None and _is_infinite(tensor)}
            if infinite and _reaches_steps(scope, node):
                found |= infinite
                where = where or scope.site(index)
        if any(np.isposinf(numpy_helper.to_array(tensor).astype(np.float64)).any() for tensor in found.values()):
            names = ", ".join([*found][:NAMED]) + (", ..." if len(found) > NAMED else "")
            yield diagnostic(
                "GL315",
                f"infinite constants mask the steps past a length ({names}): static int8 takes them for the range of "
                "the values it calibrates, and computes nonsense",
                scope=scope.path,
                node=where,
            )


def _is_infinite(tensor: TensorProto) -> bool:
    small = tensor.data_type in FLOAT_TYPES and np.prod(tensor.dims, dtype=np.float64) <= MOST_ELEMENTS
    if not small or is_external(tensor):
        return False
    return bool(np.isinf(numpy_helper.to_array(tensor).astype(np.float64)).any())


def _reaches_steps(scope: Scope, node: NodeProto) -> bool:
    """Whether what a node makes is, moved at most, what a step of a recurrence begins with."""
    pending, seen = list(node.output), set[str]()
    while pending:
        name = pending.pop()
        for user in map(scope.nodes.__getitem__, scope.readers.get(name, ()) if name not in seen else ()):
            if is_onnx(user) and user.op_type in STEPS:
                return True
            if is_onnx(user) and user.op_type in VIEWS and name in user.input[: MOVED.get(user.op_type)]:
                pending += user.output
        seen.add(name)
    return False


RULES = (Rule(("GL315",), infinite_masks),)
