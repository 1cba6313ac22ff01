"""Algebras in which rows may be filled where a mask says so: polynomials with masks keep their terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra
from gru_lower.proving.infinite_gates import infinity
from gru_lower.proving.mask_cases import has_masks
from gru_lower.proving.multiplied_out import MultipliedOut

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


class MaskedAlgebra(LoopAlgebra):
    """The algebra of fusing, but a polynomial with masks is never replaced by one leaf.

    Args:
        opaque: The values that are some GRU's X, sequence_lens or initial_h, by path and name. What computes them does
            not matter, so each is a leaf; lengths even where they are constant.

    """

    rows_share_matrix = True
    exact_lengths = True

    def __init__(self, opaque: Collection[Hashable] = ()) -> None:
        """Start with nothing known."""
        super().__init__()
        self.opaque = opaque

    def as_atom_unless_affine(self, poly: Poly) -> Poly:
        """Return the polynomial; one leaf for it, as in fusing, if it has no masks."""
        return poly if has_masks(self, poly) else super().as_atom_unless_affine(poly)

    def matrix_product(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial that is finite."""
        _require_finite(self, poly)
        return super().matrix_product(matrix, poly)


class MaskedPackedAlgebra(MultipliedOut):
    """The algebra of packed loops, where rows may be filled.

    Args:
        block: H.
        opaque: As for :class:`MaskedAlgebra`.

    """

    def __init__(self, block: int, opaque: Collection[Hashable] = ()) -> None:
        """Start with nothing known."""
        super().__init__(block)
        self.opaque = opaque

    def matrix_product(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial that is finite."""
        _require_finite(self, poly)
        return super().matrix_product(matrix, poly)


def _require_finite(algebra: Algebra, poly: Poly) -> None:
    endless = infinity(algebra).atom
    if any(endless in mono for mono, _ in poly.terms):
        raise NotUnderstoodError  # 0 · ∞ is not 0
