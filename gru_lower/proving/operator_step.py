"""Write the operator's own step in polynomials: what proofs compare other nodes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.gru import step_equations
from gru_lower.passes.fuse_gru.recognition.step_polynomial import StepOnPolynomials
from gru_lower.passes.fuse_gru.tensors.broadcasting import as_polynomials
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.slice_and_split import slice_axis
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor
from gru_lower.passes.fuse_gru.tensors.weight_matrices import matrix_of
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.gru_node import polynomial_of
from gru_lower.proving.mask_cases import MaskCases

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.proving.gru_node import GruNode

GATES = 3


class Operator(StepOnPolynomials):
    """One direction of a GRU node: :class:`gru_lower.gru.step_equations.Algebra` over polynomials.

    Args:
        node: The node.
        direction: The direction.

    """

    def __init__(self, node: GruNode, direction: Direction) -> None:
        """Cut the weights into gates."""
        self.node, self.spec, self.direction, self.algebra = node, node.spec, direction, node.algebra
        self.W, self.R = self._matrices("W"), self._matrices("R")
        self.b, self.Rbh = self._biases()

    def _matrices(self, key: str) -> list[Matrix]:
        given, h = self.node.given[key], self.spec.hidden_size
        if isinstance(given, ConstTensor):
            return [self.algebra.matrices.constant(p) for p in np.split(given.array[self.direction.index], GATES)]
        value = take_index(self.algebra, self.node.tensor(key), 0, self.direction.index)
        found = []
        for gate in range(GATES):
            part = slice_axis(self.algebra, value, 0, gate * h, 1, h)
            matrix = matrix_of(self.algebra, part, out_first=True)
            if matrix is None:
                raise NotShownError(f"{key} is not understood")
            found.append(matrix)
        return found

    def _biases(self) -> tuple[list[Poly], Poly]:
        """Return what is added to the input's part of each gate, and the Rbh that the reset gate multiplies."""
        h, late, algebra = self.spec.hidden_size, self.spec.linear_before_reset, self.algebra
        if "B" not in self.spec.inputs:
            return [algebra.zero] * GATES, algebra.zero
        given = self.node.given["B"]
        if isinstance(given, ConstTensor):  # lowering adds them in the model's type
            parts = np.split(given.array[self.direction.index], 2 * GATES)
            sums = [w + r for w, r in zip(parts[:GATES], parts[GATES:], strict=True)]
            if late:
                sums[2] = parts[2]
            *b, rbh = (algebra.constant(algebra.coefficient(part)) for part in (*sums, parts[-1]))
            return b, rbh
        value = take_index(algebra, self.node.tensor("B"), 0, self.direction.index)
        polys = [polynomial_of(slice_axis(algebra, value, 0, part * h, 1, h), "B") for part in range(2 * GATES)]
        b = [algebra.add(w, r) for w, r in zip(polys[:GATES], polys[GATES:], strict=True)]
        if late:
            b[2] = polys[2]
        return b, polys[-1]

    # -- what goes in --------------------------------------------------------------------------------

    def at(self, step: Count) -> Count:
        """Return where in X a step is, the steps counted from the one this direction begins with."""
        return self.node.length - 1 - step if self.direction.reverse else step

    def x(self, step: Count) -> Poly:
        """Return the input of a step."""
        value = take_index(self.algebra, self.node.tensor("X"), 1 if self.spec.layout else 0, self.at(step))
        return polynomial_of(value, "X")

    def initial(self) -> Poly | None:
        """Return the state to begin with, ``None`` for zeros."""
        if self.node.zeros:
            return None
        axis, given = 1 if self.spec.layout else 0, self.node.given["initial_h"]
        if isinstance(given, ConstTensor):
            part = given.array.take(self.direction.index, axis)
            return polynomial_of(as_polynomials(self.algebra, ConstTensor(part, part.shape)), "initial_h")
        return polynomial_of(
            take_index(self.algebra, self.node.tensor("initial_h"), axis, self.direction.index), "initial_h"
        )

    # -- a step --------------------------------------------------------------------------------------

    def step(self, x: Poly, state: Poly | None) -> Poly:
        """Return the state after a step."""
        algebra = self.algebra
        parts = [algebra.add(algebra.matrix_product(w, x), b) for w, b in zip(self.W, self.b, strict=True)]
        before = None if state is None else algebra.state_as_atom(state)
        return step_equations.step(
            self,
            self.direction,
            step_equations.Projection(*parts),
            before,
            linear_before_reset=self.spec.linear_before_reset,
        )

    def is_step(self, made: Poly, before: Poly | None, step: Count, states: frozenset[int] = frozenset()) -> bool:
        """Whether a polynomial is the state after a step; where a mask is 0, the state before.

        Args:
            made: The polynomial.
            before: The state before, ``None`` for zeros.
            step: The number of the step.
            states: The atoms of the state before.

        Raises:
            NotShownError: A mask is not that of the step.

        """
        wanted = self.step(self.x(step), before)
        if not self.node.masked:
            return made is wanted
        cases, mask = MaskCases(self.algebra, states), self.node.mask_of(self.at(step))
        cases.check_masks(made, mask)
        held = cases.with_masks(made, 0.0)
        return cases.with_masks(made, 1.0) is cases.with_masks(wanted, 1.0) and held is (before or self.algebra.zero)

    def outputs(self, y: Poly | None, y_h: Poly | None) -> tuple[Poly | None, Poly | None]:
        """Return Y and Y_h without the masks that make them 0, of which there have to be the right ones.

        Args:
            y: Y, its first free axis the steps; ``None`` where nobody asks for it.
            y_h: Y_h, the same.

        Raises:
            NotShownError: They are not 0 where they have to be.

        """
        if not self.node.masked:
            return y, y_h
        cases = MaskCases(self.algebra)
        if y is not None and cases.own_masks(y):
            step = 0 if self.node.length == 1 else 1
            cases.check_comparisons(
                cases.own_masks(y), self.node.mask_of(0, step), self.node.mask_of(0, step).along_steps()
            )
            if cases.with_masks(y, 0.0, cases.own_masks(y)).terms:
                raise NotShownError("Y is not 0 after the last step of a sequence")
            y = cases.with_masks(y, 1.0, cases.own_masks(y))
        if y_h is None or self.node.zeros or not self.node.empty_is_zero:
            return y, y_h
        rest = cases.without_mask(y_h, self.node.mask_of(0))
        if rest is None:
            raise NotShownError("Y_h of a sequence of length 0 is not 0")
        return y, rest

    def recurrent(self, gate: str, state: Poly, plus: Poly) -> Poly:
        """Return ``state @ R_gateᵀ + plus``."""
        return self.algebra.add(plus, self._recurrent("zrh".index(gate), state))

    def recurrent_candidate(self, state: Poly | None) -> Poly | None:
        """Return ``state @ Rhᵀ + Rbh``."""
        if state is None:
            return self.Rbh if self.Rbh.terms else None
        return self.algebra.add(self.Rbh, self._recurrent(2, state))

    def _recurrent(self, gate: int, state: Poly) -> Poly:
        return self.algebra.matrix_product(self.R[gate], self.algebra.atom_of.get(state, state))

    def clip(self, value: Poly) -> Poly:
        """Bound a pre-activation."""
        if self.spec.clip is None:
            return value
        bound = float(np.float32(self.spec.clip))
        return self.algebra.function("Clip", value, parameters=(-bound, bound))

    def activation(self, function: Activation, value: Poly, name: str) -> Poly:
        """Apply an activation; its parameters are single-precision attributes."""
        del name
        given = [float(np.float32(p)) for p in (function.alpha, function.beta) if p is not None]
        if function.name == "Affine":
            return self.algebra.add(self.algebra.scale(value, given[0]), self.algebra.constant(given[1]))
        if function.name == "ScaledTanh":
            return self.algebra.scale(self.algebra.function("Tanh", self.algebra.scale(value, given[1])), given[0])
        return self.algebra.function(function.name, value, parameters=tuple(given))
