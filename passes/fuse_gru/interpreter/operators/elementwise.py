"""Elementwise arithmetic: Add, Sum, Sub, Mul, Div, Neg, Pow, Where, Mean, Max, Min and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.clip_and_where import minimum
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, RuntimeMinimum, symbol
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.constant_folding import fold
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant, count_of
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
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
    name = RuntimeMinimum(call.values.scope.path, call.node.output[0], count_of(counts[0]))
    return count_constant(symbol(name), (1,) * max(map(len, dims)))
