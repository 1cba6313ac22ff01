"""Elementwise arithmetic: Add, Sum, Sub, Mul, Div, Neg, Pow, Where, Mean, Max, Min and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.clip_and_where import minimum
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, RuntimeMinimum, symbol
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.constant_folding import fold
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant, count_of
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def apply(call: Call, function: Callable[..., Poly], *given: Tensor) -> Tensor:
    """Return a function of tensors, element by element; constants alone are computed with.

    Args:
        call: The node.
        function: What it does to polynomials; called with the algebra and one for each tensor.
        given: The tensors.

    """
    constants = [value for value in given if isinstance(value, ConstTensor)]
    if len(constants) == len(given):
        return fold(call.node.op_type, constants)
    return apply_elementwise(call.algebra, lambda *polys: function(call.algebra, *polys), *given)


def elementwise(function: Callable[..., Poly]) -> Callable[[Call], list[Known]]:
    """Return the handler of an operator that is a function of its inputs, element by element."""

    def run(call: Call) -> list[Known]:
        return [apply(call, function, *call.tensors())]

    return run


def pairwise(function: Callable[..., Poly]) -> Callable[[Call], list[Known]]:
    """Return the handler of an operator of any number of inputs, two of which are taken together at a time."""

    def run(call: Call) -> list[Known]:
        result, *others = call.tensors()
        for other in others:
            result = apply(call, function, result, other)
        return [result]

    return run


def mean_node(call: Call) -> list[Known]:
    """Mean."""
    given = call.tensors()
    return [
        apply_elementwise(call.algebra, lambda *p: call.algebra.scale(call.algebra.add(*p), 1.0 / len(given)), *given)
    ]


def min_node(call: Call) -> list[Known]:
    """Min; that of a length and a number known at run time is an unknown length."""
    count = _runtime_minimum(call)
    return pairwise(minimum)(call) if count is None else [count]


def _runtime_minimum(call: Call) -> ConstTensor | None:
    """Return the minimum of a length and a whole number that is known at run time, ``None`` for any other."""
    given = [call.known(position) for position in range(len(call.node.input))]
    counts = [value for value in given if isinstance(value, ConstTensor)]
    if len(given) != 2 or len(counts) != 1 or not any(isinstance(value, PolyTensor) for value in given):
        return None
    dims = [value.dims for value in given if isinstance(value, (PolyTensor, ConstTensor))]
    entry = counts[0].array.reshape(-1)[0] if counts[0].array.size == 1 else None
    whole = isinstance(entry, Affine) or counts[0].array.dtype.kind in "iu"
    if entry is None or not whole or any(dim != 1 for each in dims for dim in each):
        return None
    most = count_of(counts[0])
    other = call.node.input[next(i for i, value in enumerate(given) if isinstance(value, PolyTensor))]
    name = RuntimeMinimum(call.values.scope.path, call.node.output[0], most, _least(call, other, most))
    return count_constant(symbol(name), (1,) * max(map(len, dims)))


def _least(call: Call, name: str, most: Count) -> int | None:
    """Return what the minimum of a length and a number is never below, ``None`` where nothing is known."""
    scope = call.values.scope
    index = scope.producers.get(name)
    node = None if index is None else scope.nodes[index]
    while node is not None and node.op_type in ("Cast", "Identity") and is_onnx(node):
        index = scope.producers.get(node.input[0])
        node = None if index is None else scope.nodes[index]
    if node is None or node.op_type != "Max" or not is_onnx(node):
        return None
    given = [known for known in map(call.values.value, node.input) if isinstance(known, ConstTensor)]
    entries = [known.array.reshape(-1)[0] for known in given if known.array.size == 1]
    whole = [int(entry) for entry in entries if isinstance(entry, (int, np.integer))]
    longest = most.lower_bound() if isinstance(most, Affine) else most
    return None if not whole or longest is None else min(max(whole), longest)
