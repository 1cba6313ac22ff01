"""Writing a polynomial as linear in one atom: A + s·B."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial, Poly


def split_linear(algebra: Algebra, poly: Poly, serial: int) -> tuple[Poly, Poly] | None:
    """Return A and B of poly = A + s·B, ``None`` if s occurs squared.

    Args:
        algebra: The tables.
        poly: The polynomial.
        serial: The atom s.

    """
    without: dict[Monomial, Coefficient] = {}
    times: dict[Monomial, Coefficient] = {}
    for mono, factor in poly.terms:
        count = mono.count(serial)
        if count > 1:
            return None
        if count:
            times[tuple(entry for entry in mono if entry != serial)] = factor
        else:
            without[mono] = factor
    return algebra.poly(without), algebra.poly(times)
