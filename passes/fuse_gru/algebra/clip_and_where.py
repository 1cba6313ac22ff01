"""Clip, Max, Min, Where and comparisons of polynomials, written as the activation functions that they are.

Clip(v + ½, 0, 1), Max(0, Min(1, ·))               HardSigmoid(1, ½)(v), and that of αv + β - ½ for any other
Max(v, 0), Clip(v, 0, ∞), Where(v > 0, v, 0)       Relu(v)
Max(v, αv), Where(v > 0, v, αv)                    LeakyRelu(α)(v)
Where(v > 0, v, α(eᵛ - 1))                         Elu(α)(v)
Where(c, a, b), c a 0 or 1                         c·a + (1 - c)·b, and a where a = b
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.function_identities import SATURATED
from gru_lower.passes.fuse_gru.algebra.polynomials import number_of

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


def clip(algebra: Algebra, poly: Poly, low: float, high: float) -> Poly:
    """Return a polynomial kept within bounds."""
    inner = algebra.as_function(poly, "Clip", "Relu")
    if (
        inner is not None
        and inner.op == "Clip"
        and (low, high, inner.parameters[0]) == (0.0, inf, -inner.parameters[1])
    ):
        return algebra.function("Relu", poly)  # a GRU's own bound, and then its function
    if inner is not None:
        before = (0.0, inf) if inner.op == "Relu" else (inner.parameters[0], inner.parameters[1])
        merged = (max(low, before[0]), min(high, before[1]))
        if merged[0] <= merged[1]:
            low, high, poly = *merged, inner.arguments[0]
    if (low, high) == (-inf, inf):
        return poly
    if (low, high) == (0.0, inf):
        return algebra.function("Relu", poly)
    if (low, high) == (0.0, 1.0):
        return _clip_0_1(algebra, poly)
    has_number = any(mono == () for mono, _ in poly.terms)
    if low == 0.0 and (high >= SATURATED or not has_number):
        return algebra.function("Relu", algebra.function("Clip", poly, parameters=(-high, high)))
    if low == 0.0 and high > 0:
        return algebra.scale(_clip_0_1(algebra, algebra.scale(poly, 1.0 / high)), high)
    return algebra.function("Clip", poly, parameters=(low, high))


def _clip_0_1(algebra: Algebra, poly: Poly) -> Poly:
    return algebra.function("HardSigmoid", poly, parameters=(1.0, 0.0))


def maximum(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return the greater one."""
    for poly, bound in ((left, number_of(right)), (right, number_of(left))):
        if bound is not None:
            return clip(algebra, poly, bound, inf)
    leaky = _leaky_relu(algebra, left, right) or _leaky_relu(algebra, right, left)
    return leaky if leaky is not None else algebra.function("Max", *sorted((left, right), key=id))


def _leaky_relu(algebra: Algebra, whole: Poly, part: Poly) -> Poly | None:
    """max(v, αv) for 0 < α < 1."""
    of_part = dict(part.terms)
    # A term with the factor 1 has α itself in the other; any other quotient may be off in its last bits.
    terms = sorted(whole.terms, key=lambda term: term[1] != 1.0)
    mono, factor = terms[0] if terms else ((), 0.0)
    other = of_part.get(mono)
    if not isinstance(factor, float) or not isinstance(other, float) or not factor:
        return None
    alpha = other / factor
    if 0 < alpha < 1 and algebra.scale(whole, alpha) is part:
        return algebra.function("LeakyRelu", whole, parameters=(alpha,))
    return None


def minimum(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return the lesser one."""
    for poly, bound in ((left, number_of(right)), (right, number_of(left))):
        if bound is not None:
            return clip(algebra, poly, -inf, bound)
    return algebra.function("Min", *sorted((left, right), key=id))


def where(algebra: Algebra, condition: Poly, left: Poly, right: Poly) -> Poly:
    """Return the left one where a condition is 1, the right one where it is 0."""
    if left is right:
        return left
    rectifier = _rectifier(algebra, condition, left, right)
    if rectifier is not None:
        return rectifier
    chosen = algebra.mul(condition, algebra.subtract(left, right))
    return algebra.add(right, chosen)


def _rectifier(algebra: Algebra, condition: Poly, left: Poly, right: Poly) -> Poly | None:
    """V where v > 0, and otherwise 0, αv or α(eᵛ - 1)."""
    above = algebra.as_function(condition, "Less", "LessOrEqual")
    if above is None or number_of(above.arguments[0]) is None or above.arguments[1] is not left:
        return None
    bound = number_of(above.arguments[0]) or 0.0
    if number_of(right) == 0.0:
        if bound == 0.0:
            return algebra.function("Relu", left)
        return algebra.function("ThresholdedRelu", left, parameters=(bound,)) if above.op == "Less" else None
    if bound:
        return None
    leaky = _leaky_relu(algebra, left, right)
    if leaky is not None:
        return leaky
    exp = algebra.function("Exp", left)
    alpha = next((factor for mono, factor in right.terms if mono == (exp.atom,)), None)
    if isinstance(alpha, float) and right is algebra.scale(algebra.subtract(exp, algebra.constant(1.0)), alpha):
        return algebra.function("Elu", left, parameters=(alpha,))
    return None


def less(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return 1 where left < right, 0 elsewhere."""
    return algebra.function("Less", left, right)


def less_or_equal(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return 1 where left ≤ right, 0 elsewhere."""
    return algebra.function("LessOrEqual", left, right)
