"""Interpret the Loop that counts 0, 1, 2, ..., as lowering writes it where there is neither Range nor NonZero.

number = 0;  as often as count says:  output number, number + 1          0, 1, ..., count - 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.scopes import is_onnx, subgraphs
from gru_lower.passes.fuse_gru.tensors.integer_vectors import arange
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

FORMALS = 3
"""Inputs of such a Loop and of its body: the trip count or counter, the condition, and the number."""


def counted_by(
    interpreter: Interpreter, node: NodeProto, interpret_body: Callable[[Scope, dict[str, Known]], Interpreter]
) -> ConstTensor | None:
    """Return what such a Loop gives out, (count, 1); ``None`` for any other node.

    Args:
        interpreter: What interprets the scope the node stands in.
        node: The node.
        interpret_body: Interprets a body of the node.

    """
    if not is_onnx(node, "Loop") or len(node.input) != FORMALS or len(node.output) != FORMALS - 1:
        return None
    graph = next(graph for _, graph in subgraphs(node))
    if len(graph.input) != FORMALS or len(graph.output) != FORMALS:
        return None
    made_by = {name: each for each in graph.node for name in each.output}
    going, number = graph.input[1].name, graph.input[2].name
    goes_on, following, out = (made_by.get(value.name) for value in graph.output)
    copies = ((goes_on, going), (out, number))
    if any(each is None or not is_onnx(each, "Identity") or each.input[0] != name for each, name in copies):
        return None
    if following is None or not is_onnx(following, "Add") or following.input[0] != number:
        return None
    count, true, first = (interpreter.value(name) for name in node.input)
    body = interpret_body(interpreter.scopes[id(graph)], {})
    numbers = ((true, 1, ()), (first, 0, (1,)), (body.value(following.input[1]), 1, (1,)))
    if not isinstance(count, ConstTensor) or not all(_is(known, entry, dims) for known, entry, dims in numbers):
        return None
    start, step = ConstTensor(np.zeros(1, np.int64), (1,)), ConstTensor(np.ones(1, np.int64), (1,))
    column = unsqueeze(arange(start, count, step), [1])
    return column if isinstance(column, ConstTensor) else None


def _is(known: object, entry: int, dims: tuple[int, ...]) -> bool:
    same = isinstance(known, ConstTensor) and known.dims == dims and known.array.size == 1
    return same and isinstance(known, ConstTensor) and bool(known.array.reshape(-1)[0] == entry)
