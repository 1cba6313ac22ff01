"""Quotients, logarithms and powers of polynomials, written as the activation functions that they are.

1 / (1 + e⁻ᵛ), eᵛ / (1 + eᵛ)          Sigmoid(v)
(eᵛ - e⁻ᵛ) / (eᵛ + e⁻ᵛ)               Tanh(v), by way of the sigmoid
v / (1 + |v|), log(1 + eᵛ)            Softsign(v), Softplus(v)
v / (1 + 2 Relu(v) - v)               Softsign(v)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Function
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector, number_of

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


def divide(algebra: Algebra, above: Poly, below: Poly) -> Poly:
    """Return the quotient.

    Raises:
        NotUnderstoodError: The divisor is a constant vector with a 0 in it.

    """
    if len(below.terms) == 1 and not any(below.terms[0][0]):
        factor = below.terms[0][1]
        if isinstance(factor, Vector):
            if not factor.data.all():
                raise NotUnderstoodError
            return algebra.scale(above, algebra.coefficient(1.0 / factor.data))
        # Division by six and multiplication by its float32 inverse are the same to a model's author.
        return algebra.scale(above, 1.0 / factor)
    softsign = _softsign(algebra, above, below)
    if softsign is not None:
        return softsign
    logistic = _logistic(algebra, above, below)
    if logistic is not None:
        return logistic
    return algebra.mul(above, algebra.function("Reciprocal", below))


def _logistic(algebra: Algebra, above: Poly, below: Poly) -> Poly | None:
    """(a + b eᵛ) / (c + c eᵛ) = (a (1 - σ(v)) + b σ(v)) / c."""
    if len(below.terms) != 2 or below.terms[0][0] != () or len(below.terms[1][0]) != 1:
        return None
    (_, constant), ((serial,), factor) = below.terms
    exp = algebra.atoms[serial]
    if not isinstance(exp, Function) or exp.op != "Exp" or constant != factor or not isinstance(factor, float):
        return None
    sigmoid = algebra.function("Sigmoid", exp.arguments[0])
    parts = []
    for mono, coefficient in above.terms:
        rest = tuple(entry for entry in mono if entry != serial)
        if mono.count(serial) > 1:
            return None
        gate = sigmoid if serial in mono else algebra.complement(sigmoid)
        parts.append(algebra.mul(algebra.poly({rest: coefficient}), gate))
    return algebra.scale(algebra.add(*parts), 1.0 / factor)


def _softsign(algebra: Algebra, above: Poly, below: Poly) -> Poly | None:
    """Softsign(v) = v / (1 + |v|), and |v| = 2 Relu(v) - v."""
    relu = Function("Relu", (), (above,))
    if algebra.has_atom(relu):
        twice = algebra.scale(algebra.poly_of_atom(relu), 2.0)
        if below is algebra.add(algebra.constant(1.0), twice, algebra.scale(above, -1.0)):
            return algebra.function("Softsign", above)
    if len(below.terms) != 2 or below.terms[0] != ((), 1.0) or below.terms[1][1] != 1.0:
        return None
    absolute = algebra.as_function(algebra.poly({below.terms[1][0]: 1.0}), "Abs")
    return algebra.function("Softsign", above) if absolute is not None and absolute.arguments[0] is above else None


def log(algebra: Algebra, poly: Poly) -> Poly:
    """Return the logarithm."""
    if len(poly.terms) == 2 and poly.terms[0] == ((), 1.0) and poly.terms[1][1] == 1.0:
        exp = algebra.as_function(algebra.poly({poly.terms[1][0]: 1.0}), "Exp")
        if exp is not None:
            return algebra.function("Softplus", exp.arguments[0])
    return algebra.function("Log", poly)


def power(algebra: Algebra, base: Poly, exponent: Poly) -> Poly:
    """Return a power."""
    times = number_of(exponent)
    if times == 1.0:
        return base
    if times == 2.0:
        return algebra.mul(base, base)
    if times == -1.0:
        return divide(algebra, algebra.constant(1.0), base)
    return algebra.function("Pow", base, exponent)
