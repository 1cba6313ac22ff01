"""Gates whose argument is infinite, as masks make them: σ(v + ∞) = 1 and σ(v - ∞) = 0 for every finite v."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf
from gru_lower.proving.errors import NotShownError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly

GATES = ("Sigmoid", "HardSigmoid")


def infinity(algebra: Algebra) -> Poly:
    """Return the atom that is greater than everything."""
    return algebra.poly_of_atom(Broadcast(algebra.poly_of_atom(Leaf("infinity", (), 0, 1))))


def closed_gate(algebra: Algebra, function: Function, arguments: Sequence[Poly]) -> Poly:
    """Return a function of polynomials, of which one argument may hold infinity; the function is 1 or 0 then.

    Args:
        algebra: The tables.
        function: The function, with its parameters.
        arguments: What it is of.

    Raises:
        NotShownError: Infinity meets anything but a Sigmoid or HardSigmoid, or is multiplied by something.

    """
    endless = infinity(algebra).atom
    infinite = [(mono, factor) for argument in arguments for mono, factor in argument.terms if endless in mono]
    if not infinite:
        return algebra.function(function.op, *arguments, parameters=function.parameters)
    ((mono, factor), *more) = infinite
    if more or len(mono) > 1 or not isinstance(factor, float) or function.op not in GATES:
        raise NotShownError("a gate is not closed where a mask is 0")
    rising = factor if function.op == "Sigmoid" else factor * function.parameters[0]
    return algebra.constant(1.0 if rising > 0 else 0.0)
