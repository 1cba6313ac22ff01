"""The polynomial that a GRU's step computes: :func:`gru_lower.gru.step_equations.step` over polynomials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.gru import step_equations
from gru_lower.gru.spec import Direction
from gru_lower.passes.fuse_gru.algebra.views import feature_range
from gru_lower.passes.fuse_gru.recognition.gate_functions import GATE_FUNCTIONS

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, Product


class StepOnPolynomials:
    """The part of :class:`gru_lower.gru.step_equations.Algebra` that needs no weights, clip or activations.

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


def step_polynomial(algebra: Algebra, cell: Cell, state: Poly | None = None) -> Poly:
    """Return the new state that a cell computes.

    Args:
        algebra: The tables.
        cell: The cell.
        state: The state before, if it is another one than the cell's.

    """
    step = _CellStep(algebra, cell)
    previous = state if cell.previous is None else algebra.poly_of(cell.previous)
    xt = step_equations.Projection(z=step.projection(cell.z), r=step.projection(cell.r), h=step.projection(cell.h))
    direction = Direction(0, reverse=False, f=cell.f, g=cell.g)
    return step_equations.step(step, direction, xt, previous, linear_before_reset=bool(cell.linear_before_reset))


class _CellStep(StepOnPolynomials):
    """The step of one cell, with its weights, clip and activations."""

    def __init__(self, algebra: Algebra, cell: Cell) -> None:
        self.algebra, self.cell = algebra, cell

    def projection(self, gate: PreActivation | None) -> Poly:
        if gate is None:
            return self.algebra.zero
        parts = [self._product(products, self.algebra.poly_of(atom)) for atom, products in gate.inputs]
        return self.algebra.add(gate.bias, *parts)

    def _product(self, products: tuple[Product, ...], of: Poly) -> Poly:
        whole = self.algebra.atom_of.get(of, of)
        return self.algebra.add(
            *(self.algebra.scale(self._times(matrix, whole), factor) for factor, matrix in products)
        )

    def _times(self, matrix: Matrix, whole: Poly) -> Poly:
        if not matrix.selects or matrix.array is None:
            return self.algebra.matrix_product(matrix, whole)
        first = int(matrix.array[0].argmax())
        return feature_range(self.algebra, whole, first, first + matrix.shape[0], matrix.shape[1])

    def recurrent(self, gate: str, state: Poly, plus: Poly) -> Poly:
        pre_activation = {"z": self.cell.z, "r": self.cell.r, "h": self.cell.h}[gate]
        assert pre_activation is not None
        return self.algebra.add(plus, self._product(pre_activation.state, state))

    def recurrent_candidate(self, state: Poly | None) -> Poly | None:
        recurrent = self.cell.recurrent_candidate
        if recurrent is None:
            return None
        parts = [] if state is None else [self._product(recurrent.state, state)]
        return self.algebra.add(recurrent.bias, *parts)

    def clip(self, value: Poly) -> Poly:
        bound = self.cell.clip
        return value if bound is None else self.algebra.function("Clip", value, parameters=(-bound, bound))

    def activation(self, function: Activation, value: Poly, name: str) -> Poly:
        del name
        if function.name == "Affine":
            return value
        if function.name == "ScaledTanh":
            inner = self.algebra.scale(value, function.beta or 0.0)
            return self.algebra.scale(self.algebra.function("Tanh", inner), function.alpha or 0.0)
        given = {"alpha": function.alpha, "beta": function.beta}
        parameters = tuple(float(given[key] or 0.0) for key in GATE_FUNCTIONS[function.name])
        return self.algebra.function(function.name, value, parameters=parameters)
