"""What a step of :func:`gru_lower.gru.step_equations.step` does to polynomials, whatever its matrices are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly


class CellAlgebra:
    """The part of :class:`gru_lower.gru.step_equations.Algebra` that hangs on no GRU's weights, clip or activations.

    Attributes:
        algebra: The tables.

    """

    algebra: Algebra

    def mul(self, left: Poly, right: Poly, name: str) -> Poly:
        """Return the product."""
        del name
        return self.algebra.mul(left, right)

    def add(self, left: Poly, right: Poly, name: str) -> Poly:
        """Return the sum."""
        del name
        return self.algebra.add(left, right)

    def blend(self, zt: Poly, ht: Poly, state: Poly | None) -> Poly:
        """Return ``ht + Zt ∘ (Ht_1 - ht)``; Ht_1 is 0 where there is no state."""
        difference = ht if state is None else self.algebra.add(ht, self.algebra.scale(state, -1.0))
        return self.algebra.add(ht, self.algebra.scale(self.algebra.mul(zt, difference), -1.0))
