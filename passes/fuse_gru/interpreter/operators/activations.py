"""Functions of one tensor, element by element: Sigmoid, Tanh, Relu, Exp, Clip and the like."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.clip_and_where import clip
from gru_lower.passes.fuse_gru.interpreter.operators.elementwise import apply
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def activation(op: str, **parameters: float) -> Callable[[Call], list[Known]]:
    """Return the handler of a function that the algebra knows by its name alone.

    Args:
        op: The operator.
        parameters: Its attributes in order, with their defaults.

    """

    def run(call: Call) -> list[Known]:
        values = tuple(float(call.attributes.get(name, default)) for name, default in parameters.items())

        def function(algebra: Algebra, poly: Poly) -> Poly:
            return algebra.function(op, poly, parameters=values)

        return [apply(call, function, call.tensor(0))]

    return run


def clip_node(call: Call) -> list[Known]:
    """Clip."""
    low, high = call.number(1, "min", -inf), call.number(2, "max", inf)
    return [apply_elementwise(call.algebra, lambda poly: clip(call.algebra, poly, low, high), call.tensor(0))]


def prelu_node(call: Call) -> list[Known]:
    """PRelu with one slope: a LeakyRelu."""
    slope = call.number(1, "", 0.0)
    return [
        apply_elementwise(
            call.algebra, lambda poly: call.algebra.function("LeakyRelu", poly, parameters=(slope,)), call.tensor(0)
        )
    ]
