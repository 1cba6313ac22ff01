"""The algebra of polynomials that are multiplied out, for loops whose states are packed.

A packed body computes gates and directions side by side, with matrices that are put together from blocks. Here every
feature axis is split into stretches of H, a product with a block of zeros vanishes, one with an identity is what is
multiplied, and products are spread over sums: what is equal over the reals is the same polynomial, however it was
packed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly

AT_ZERO = {"Tanh": 0.0, "Relu": 0.0, "Softsign": 0.0, "Elu": 0.0, "LeakyRelu": 0.0, "Clip": 0.0}
"""The values of functions at 0."""


class MultipliedOut(LoopAlgebra):
    """Polynomials that are multiplied out.

    Args:
        block: H: how wide the stretches are.

    """

    exact_lengths = True

    def __init__(self, block: int) -> None:
        """Start with nothing known."""
        super().__init__()
        self.feature_block, self.rows_share_matrix = block, True
        self._products: dict[Monomial, int] = {}

    def state_as_atom(self, poly: Poly) -> Poly:
        """Return the polynomial itself: it stays multiplied out."""
        return poly

    def as_atom_unless_affine(self, poly: Poly) -> Poly:
        """Return the polynomial, as above."""
        return poly

    def as_atom(self, poly: Poly) -> int:
        """Return an atom for a product of atoms; that of one atom is itself. A sum is no product: it is one value."""
        if len(poly.terms) != 1:
            return super().as_atom(poly)
        ((mono, _),) = poly.terms
        if len(mono) == 1 and isinstance(self.atoms[mono[0]], (Leaf, Stack)):
            return mono[0]
        found = self._products.get(mono)
        if found is None:
            found = self._products[mono] = self.new_atom(poly)
        return found

    def matrix_product(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial, term by term."""
        if matrix.is_zero:
            return self.zero
        if matrix.is_identity:
            return poly
        if matrix.is_negative:
            assert matrix.array is not None
            return self.scale(self.matrix_product(self.matrices.scaled(matrix, -np.ones(matrix.shape[1])), poly), -1.0)
        terms = []
        for mono, factor in poly.terms:
            one = self.poly({mono: 1.0})
            if not any(mono):
                terms.append(self._product_with_constant(matrix, self.poly({mono: factor})))
            elif not isinstance(factor, Vector):
                terms.append(self.scale(self.poly_of_atom(MatrixProduct(matrix, self.as_atom(one))), factor))
            elif matrix.array is None:
                raise NotUnderstoodError
            else:
                terms.append(self.matrix_product(self.matrices.scaled(matrix, factor.data), one))
        return self.add(*terms)

    def function(self, op: str, *arguments: Poly, parameters: tuple[float, ...] = ()) -> Poly:
        """Return a function of polynomials; of 0, its number. Of clips of v and -v only one is ever an atom."""
        if op in AT_ZERO and not any(argument.terms for argument in arguments):
            return self.constant(AT_ZERO[op])
        if op == "Clip" and parameters[0] == -parameters[1] and self._is_negative(arguments[0]):
            return self.scale(super().function(op, self.scale(arguments[0], -1.0), parameters=parameters), -1.0)
        return super().function(op, *arguments, parameters=parameters)
