"""Elementwise operators over polynomials, brought to one spelling for what is the same function.

1 / (1 + e⁻ᵛ), eᵛ / (1 + eᵛ), ½ tanh(½v) + ½      Sigmoid(v)
2σ(2v) - 1, (eᵛ - e⁻ᵛ) / (eᵛ + e⁻ᵛ) by σ            Tanh(v)
Clip(v + ½, 0, 1), Max(0, Min(1, ·))               HardSigmoid(1, ½)(v), and that of αv + β - ½ for any other
Max(v, 0), Clip(v, 0, ∞), Where(v > 0, v, 0)       Relu(v)
Where(c, a, b), c a 0 or 1                         c·a + (1 - c)·b, and a where a = b
v / (1 + |v|), log(1 + eᵛ), ...                    Softsign, Softplus, LeakyRelu, Elu
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.polynomials import SATURATED, Fn, Vector
from gru_lower.passes.fuse_gru.tensors.tensor import NotUnderstoodError

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly


def only(algebra: Algebra, poly: Poly, *ops: str) -> Fn | None:
    """Return the function a polynomial is, if it is just one of these."""
    atom = None if poly.atom is None else algebra.atoms[poly.atom]
    return atom if isinstance(atom, Fn) and atom.op in ops else None


def number(poly: Poly) -> float | None:
    """Return the number a polynomial is, ``None`` if it is not."""
    if not poly.terms:
        return 0.0
    if len(poly.terms) == 1 and poly.terms[0][0] == () and isinstance(poly.terms[0][1], float):
        return poly.terms[0][1]
    return None


def minus(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return the difference."""
    return algebra.add(left, algebra.scale(right, -1.0))


def divide(algebra: Algebra, above: Poly, below: Poly) -> Poly:
    """Return the quotient."""
    if len(below.terms) == 1 and not any(below.terms[0][0]):
        factor = below.terms[0][1]
        if isinstance(factor, Vector):
            if not factor.data.all():
                raise NotUnderstoodError
            return algebra.scale(above, algebra.vector(1.0 / factor.data))
        # Division by six and multiplication by its float32 inverse are the same to a model's author.
        return algebra.scale(above, 1.0 / factor)
    softsign = _softsign(algebra, above, below)
    if softsign is not None:
        return softsign
    logistic = _logistic(algebra, above, below)
    if logistic is not None:
        return logistic
    return algebra.mul(above, algebra.fn("Reciprocal", below))


def _logistic(algebra: Algebra, above: Poly, below: Poly) -> Poly | None:
    """(a + b eᵛ) / (c + c eᵛ) = (a (1 - σ(v)) + b σ(v)) / c."""
    if len(below.terms) != 2 or below.terms[0][0] != () or len(below.terms[1][0]) != 1:
        return None
    (_, constant), ((serial,), factor) = below.terms
    exp = algebra.atoms[serial]
    if not isinstance(exp, Fn) or exp.op != "Exp" or constant != factor or not isinstance(factor, float):
        return None
    sigmoid = algebra.fn("Sigmoid", exp.arguments[0])
    parts = []
    for mono, coefficient in above.terms:
        rest = tuple(entry for entry in mono if entry != serial)
        if mono.count(serial) > 1:
            return None
        gate = sigmoid if serial in mono else minus(algebra, algebra.constant(1.0), sigmoid)
        parts.append(algebra.mul(algebra.poly({rest: coefficient}), gate))
    return algebra.scale(algebra.add(*parts), 1.0 / factor)


def _softsign(algebra: Algebra, above: Poly, below: Poly) -> Poly | None:
    if len(below.terms) != 2 or below.terms[0] != ((), 1.0) or below.terms[1][1] != 1.0:
        return None
    rest = algebra.poly({below.terms[1][0]: 1.0})
    absolute = only(algebra, rest, "Abs")
    return algebra.fn("Softsign", above) if absolute is not None and absolute.arguments[0] is above else None


def log(algebra: Algebra, poly: Poly) -> Poly:
    """Return the logarithm."""
    if len(poly.terms) == 2 and poly.terms[0] == ((), 1.0) and poly.terms[1][1] == 1.0:
        exp = only(algebra, algebra.poly({poly.terms[1][0]: 1.0}), "Exp")
        if exp is not None:
            return algebra.fn("Softplus", exp.arguments[0])
    return algebra.fn("Log", poly)


def clip(algebra: Algebra, poly: Poly, low: float, high: float) -> Poly:
    """Return a polynomial kept within bounds."""
    inner = only(algebra, poly, "Clip", "Relu")
    if (
        inner is not None
        and inner.op == "Clip"
        and (low, high, inner.parameters[0]) == (0.0, inf, -inner.parameters[1])
    ):
        return algebra.fn("Relu", poly)  # a GRU's own bound, and then its function
    if inner is not None:
        before = (0.0, inf) if inner.op == "Relu" else (inner.parameters[0], inner.parameters[1])
        merged = (max(low, before[0]), min(high, before[1]))
        if merged[0] <= merged[1]:
            low, high, poly = *merged, inner.arguments[0]
    if (low, high) == (-inf, inf):
        return poly
    if (low, high) == (0.0, inf):
        return algebra.fn("Relu", poly)
    if (low, high) == (0.0, 1.0):
        return _hard_sigmoid(algebra, poly)
    shifted = any(mono == () for mono, _ in poly.terms)
    if low == 0.0 and (high >= SATURATED or not shifted):
        return algebra.fn("Relu", algebra.fn("Clip", poly, parameters=(-high, high)))
    if low == 0.0 and high > 0:
        return algebra.scale(_hard_sigmoid(algebra, algebra.scale(poly, 1.0 / high)), high)
    return algebra.fn("Clip", poly, parameters=(low, high))


def _hard_sigmoid(algebra: Algebra, poly: Poly) -> Poly:
    """Keep a polynomial within 0 and 1."""
    return algebra.fn("HardSigmoid", poly, parameters=(1.0, 0.0))


def maximum(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return the greater one."""
    for poly, bound in ((left, number(right)), (right, number(left))):
        if bound is not None:
            return clip(algebra, poly, bound, inf)
    leaky = _leaky(algebra, left, right) or _leaky(algebra, right, left)
    return leaky if leaky is not None else algebra.fn("Max", *sorted((left, right), key=id))


def _leaky(algebra: Algebra, whole: Poly, part: Poly) -> Poly | None:
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
        return algebra.fn("LeakyRelu", whole, parameters=(alpha,))
    return None


def minimum(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return the lesser one."""
    for poly, bound in ((left, number(right)), (right, number(left))):
        if bound is not None:
            return clip(algebra, poly, -inf, bound)
    return algebra.fn("Min", *sorted((left, right), key=id))


def where(algebra: Algebra, condition: Poly, left: Poly, right: Poly) -> Poly:
    """Return one or the other."""
    if left is right:
        return left
    rectifier = _rectifier(algebra, condition, left, right)
    if rectifier is not None:
        return rectifier
    chosen = algebra.mul(condition, minus(algebra, left, right))
    return algebra.add(right, chosen)


def _rectifier(algebra: Algebra, condition: Poly, left: Poly, right: Poly) -> Poly | None:
    """V where v > 0, and otherwise 0, αv or α(eᵛ - 1)."""
    above = only(algebra, condition, "Less", "LessOrEqual")
    if above is None or number(above.arguments[0]) is None or above.arguments[1] is not left:
        return None
    bound = number(above.arguments[0]) or 0.0
    if number(right) == 0.0:
        if bound == 0.0:
            return algebra.fn("Relu", left)
        return algebra.fn("ThresholdedRelu", left, parameters=(bound,)) if above.op == "Less" else None
    if bound:
        return None
    leaky = _leaky(algebra, left, right)
    if leaky is not None:
        return leaky
    exp = algebra.fn("Exp", left)
    alpha = next((factor for mono, factor in right.terms if mono == (exp.atom,)), None)
    if isinstance(alpha, float) and right is algebra.scale(minus(algebra, exp, algebra.constant(1.0)), alpha):
        return algebra.fn("Elu", left, parameters=(alpha,))
    return None


def less(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return 1 where left < right, 0 elsewhere."""
    return algebra.fn("Less", left, right)


def less_or_equal(algebra: Algebra, left: Poly, right: Poly) -> Poly:
    """Return 1 where left ≤ right, 0 elsewhere."""
    return algebra.fn("LessOrEqual", left, right)


def complement(algebra: Algebra, poly: Poly) -> Poly:
    """Return 1 - v: Not of what is 0 or 1."""
    return minus(algebra, algebra.constant(1.0), poly)


def power(algebra: Algebra, base: Poly, exponent: Poly) -> Poly:
    """Return a power."""
    times = number(exponent)
    if times == 1.0:
        return base
    if times == 2.0:
        return algebra.mul(base, base)
    if times == -1.0:
        return divide(algebra, algebra.constant(1.0), base)
    return algebra.fn("Pow", base, exponent)
