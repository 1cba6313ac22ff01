"""Polynomials over atoms, which are known by their serial numbers, with constant coefficients.

    Poly = {monomial: coefficient}    monomial: a sorted tuple of serial numbers; coefficient: a number, or a vector

A polynomial gives one element of a tensor, at any index of its free axes. A vector has one entry per feature. The atom
:data:`ONE` is 1: constant vectors are terms of the monomial (ONE,), constant numbers of the monomial (), so that the
½ of a hard sigmoid is still a term of its own when a bias is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.matrices import Array

MAX_TERMS, MAX_DEGREE = 64, 4
FLOAT32 = 2**23
"""Steps of a float32 between 1 and 2."""
ONE = 0
"""The serial number of the atom that is 1."""


class Vector:
    """A constant vector over features, in float64; interned, so that ``is`` compares."""

    __slots__ = ("data",)

    def __init__(self, data: Array) -> None:
        self.data = data


Coefficient = float | Vector
Monomial = tuple[int, ...]


class Poly:
    """A polynomial; interned, so that ``is`` compares.

    Attributes:
        terms: Monomials with their coefficients, sorted; no coefficient is 0.
        degree: How many atoms the longest monomial has.
        atom: The serial number of the atom it is, ``None`` if it is anything but one atom.

    """

    __slots__ = ("atom", "degree", "terms")

    def __init__(self, terms: tuple[tuple[Monomial, Coefficient], ...]) -> None:
        self.terms = terms
        self.degree = 0
        for mono, _ in terms:
            self.degree = max(self.degree, len(mono))
        is_atom = len(terms) == 1 and terms[0][1] == 1.0 and self.degree == 1
        self.atom: int | None = (terms[0][0][0] or None) if is_atom else None


def number_of(poly: Poly) -> float | None:
    """Return the number that a polynomial is, ``None`` if it is not constant."""
    if not poly.terms:
        return 0.0
    if len(poly.terms) == 1 and poly.terms[0][0] == () and isinstance(poly.terms[0][1], float):
        return poly.terms[0][1]
    return None


def numbers_of(coefficient: Coefficient) -> Any:  # noqa: ANN401 - a number or an array
    """Return a coefficient as numpy computes with it: a number, or an array over features."""
    return coefficient.data if isinstance(coefficient, Vector) else coefficient


def nearest_whole(number: float) -> float:
    """Round a number that misses a whole one by less than a float32 can tell: 6 · float32(1/6) is 1."""
    whole = float(round(number)) if abs(number) < FLOAT32 else 0.0
    return whole if whole and abs(number - whole) <= abs(whole) / FLOAT32 else number
