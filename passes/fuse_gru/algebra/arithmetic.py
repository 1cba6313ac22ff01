"""Sums, differences and products of polynomials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.interning import InternTables
from gru_lower.passes.fuse_gru.algebra.polynomials import ONE, Vector, nearest_whole, numbers_of

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial, Poly


class Arithmetic(InternTables):
    """Polynomials that are added and multiplied."""

    def add(self, *polys: Poly) -> Poly:
        """Return the sum."""
        first, *others = [poly for poly in polys if poly.terms] or [self.zero]
        if not others:
            return first
        terms = dict(first.terms)
        for poly in others:
            for mono, coefficient in poly.terms:
                if mono in terms or not any(mono):
                    self._add_term(terms, mono, coefficient)
                else:
                    terms[mono] = coefficient
        return self.poly(terms)

    def _add_term(self, terms: dict[Monomial, Coefficient], mono: Monomial, coefficient: Coefficient) -> None:
        if not any(mono):  # a constant: numbers and vectors are terms of their own
            mono = (ONE,) if isinstance(coefficient, Vector) else ()
        there = terms.get(mono)
        if there is None:
            terms[mono] = coefficient
            return
        total = self._coefficient_sum(there, coefficient)
        if not any(mono) and not isinstance(total, Vector) and mono:
            del terms[mono]
            self._add_term(terms, (), total)
        else:
            terms[mono] = total

    def _coefficient_sum(self, left: Coefficient, right: Coefficient) -> Coefficient:
        if isinstance(left, float) and isinstance(right, float):
            return left + right
        return self.coefficient(numbers_of(left) + numbers_of(right))

    def coefficient_product(self, left: Coefficient, right: Coefficient) -> Coefficient:
        """Return the product of two coefficients."""
        if isinstance(left, float) and isinstance(right, float):
            return nearest_whole(left * right)
        return self.coefficient(numbers_of(left) * numbers_of(right))

    def scale(self, poly: Poly, factor: Coefficient) -> Poly:
        """Return a polynomial times a constant."""
        if factor == 1.0:
            return poly
        if isinstance(factor, float):
            return self.poly({mono: self.coefficient_product(coefficient, factor) for mono, coefficient in poly.terms})
        terms: dict[Monomial, Coefficient] = {}
        for mono, coefficient in poly.terms:
            self._add_term(terms, mono, self.coefficient_product(coefficient, factor))
        return self.poly(terms)

    def subtract(self, left: Poly, right: Poly) -> Poly:
        """Return the difference."""
        return self.add(left, self.scale(right, -1.0))

    def complement(self, poly: Poly) -> Poly:
        """Return 1 - v: the logical Not of what is 0 or 1."""
        return self.subtract(self.constant(1.0), poly)

    def mul(self, left: Poly, right: Poly) -> Poly:
        """Return the product."""
        terms: dict[Monomial, Coefficient] = {}
        for mono_l, coefficient_l in left.terms:
            for mono_r, coefficient_r in right.terms:
                mono = tuple(sorted(filter(None, mono_l + mono_r)))
                self._add_term(terms, mono, self.coefficient_product(coefficient_l, coefficient_r))
        return self.poly(terms)
