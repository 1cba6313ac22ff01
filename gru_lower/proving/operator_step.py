"""The operator's own step in polynomials: what proofs hold other nodes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph import external_data
from gru_lower.graph.known_zeros import is_zero
from gru_lower.gru import step_equations
from gru_lower.passes.fuse_gru.interpreter import length_comparisons
from gru_lower.passes.fuse_gru.recognition.cell_algebra import CellAlgebra
from gru_lower.passes.fuse_gru.tensors import matrix_products, views
from gru_lower.passes.fuse_gru.tensors.tensor import Const, Value, as_value
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.mask_cases import Cases, Moment

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction, GruSpec
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known

GATES = 3


class Site:
    """A GRU node with what its inputs are where the other model's values are known.

    Args:
        model: The model with the node.
        scope: Where it stands.
        spec: What it says.
        facts: The model's side table.
        other: The other model's values.
        empty_is_zero: Whether the last state of a sequence of length 0 is 0 rather than initial_h.

    """

    def __init__(
        self,
        model: Model,
        scope: Scope,
        spec: GruSpec,
        facts: Facts,
        other: Interpreter,
        *,
        empty_is_zero: bool = True,
    ) -> None:
        """Look the inputs up."""
        self.scope, self.spec, self.other, self.empty_is_zero = scope, spec, other, empty_is_zero
        self.algebra: Algebra = other.algebra
        self.given: dict[str, Known] = {}
        for key, name in spec.inputs.items():
            tensor = facts.constant(scope, name) if key in ("W", "R", "B") else None
            if tensor is None:
                self.given[key] = other.value(name)
            else:  # its initializer may be gone from the other model
                array = external_data.to_array(tensor, model.base_dir)
                self.given[key] = Const(array, array.shape)
        self.zeros = "initial_h" not in spec.inputs or is_zero(facts, scope, spec.inputs["initial_h"])

    def tensor(self, key: str) -> Value:
        """Return an input that is no constant.

        Raises:
            NotShownError: Nothing is known of it.

        """
        found = self.given.get(key)
        if isinstance(found, Const) and found.array.dtype != object:
            return as_value(self.algebra, found)
        if not isinstance(found, Value):
            raise NotShownError(f"{key} is not understood")
        return found

    def asks_for(self, name: str) -> bool:
        """Whether an output is used: lowering leaves out one that is not."""
        return name in self.scope.outputs or bool(self.scope.uses[name])

    @property
    def masked(self) -> bool:
        """Whether there are sequence_lens."""
        return "sequence_lens" in self.spec.inputs

    def moment(self, number: Any, step: int = 0) -> Moment:  # noqa: ANN401 - a Count
        """Return the mask of the steps of X with a number, or with that and one after the other.

        Raises:
            NotShownError: The lengths are no input of the scope's.

        """
        found = length_comparisons.lengths_of(self.other, self.spec.inputs["sequence_lens"])
        if found is None:
            raise NotShownError("sequence_lens is not understood")
        return Moment(found[0], found[1], number, step)

    @property
    def length(self) -> Any:  # noqa: ANN401 - a Count
        """The number of steps X has."""
        return self.tensor("X").dims[1 if self.spec.layout else 0]


class Operator(CellAlgebra):
    """One direction of a site: :class:`gru_lower.gru.step_equations.Algebra` over polynomials.

    Args:
        site: The node.
        direction: The direction.

    """

    def __init__(self, site: Site, direction: Direction) -> None:
        """Cut the weights into gates."""
        self.site, self.spec, self.direction, self.algebra = site, site.spec, direction, site.algebra
        self.W, self.R = self._matrices("W"), self._matrices("R")
        self.b, self.Rbh = self._biases()

    def _matrices(self, key: str) -> list[Matrix]:
        given, h = self.site.given[key], self.spec.hidden_size
        if isinstance(given, Const):
            return [self.algebra.matrices.constant(p) for p in np.split(given.array[self.direction.index], GATES)]
        value = views.take(self.algebra, self.site.tensor(key), 0, self.direction.index)
        found = []
        for gate in range(GATES):
            part = views.section(self.algebra, value, 0, gate * h, 1, h)
            matrix = matrix_products.matrix_of(self.algebra, part, out_first=True)
            if matrix is None:
                raise NotShownError(f"{key} is not understood")
            found.append(matrix)
        return found

    def _biases(self) -> tuple[list[Poly], Poly]:
        """Return what is added to the input's part of each gate, and the Rbh that the reset gate multiplies."""
        h, late, algebra = self.spec.hidden_size, self.spec.linear_before_reset, self.algebra
        if "B" not in self.spec.inputs:
            return [algebra.zero] * GATES, algebra.zero
        given = self.site.given["B"]
        if isinstance(given, Const):  # lowering adds them in the model's type
            parts = np.split(given.array[self.direction.index], 2 * GATES)
            sums = [w + r for w, r in zip(parts[:GATES], parts[GATES:], strict=True)]
            if late:
                sums[2] = parts[2]
            *b, rbh = (algebra.constant(algebra.vector(part)) for part in (*sums, parts[-1]))
            return b, rbh
        value = views.take(algebra, self.site.tensor("B"), 0, self.direction.index)
        polys = [whole(views.section(algebra, value, 0, part * h, 1, h), "B") for part in range(2 * GATES)]
        b = [algebra.add(w, r) for w, r in zip(polys[:GATES], polys[GATES:], strict=True)]
        if late:
            b[2] = polys[2]
        return b, polys[-1]

    # -- what goes in --------------------------------------------------------------------------------

    def at(self, step: Any) -> Any:  # noqa: ANN401 - a Count
        """Return where in X a step is, the steps counted from the one this direction begins with."""
        return self.site.length - 1 - step if self.direction.reverse else step

    def x(self, step: Any) -> Poly:  # noqa: ANN401 - a Count
        """Return the input of a step."""
        value = views.take(self.algebra, self.site.tensor("X"), 1 if self.spec.layout else 0, self.at(step))
        return whole(value, "X")

    def initial(self) -> Poly | None:
        """Return the state to begin with, ``None`` for zeros."""
        if self.site.zeros:
            return None
        axis, given = 1 if self.spec.layout else 0, self.site.given["initial_h"]
        if isinstance(given, Const):
            part = given.array.take(self.direction.index, axis)
            return whole(as_value(self.algebra, Const(part, part.shape)), "initial_h")
        return whole(views.take(self.algebra, self.site.tensor("initial_h"), axis, self.direction.index), "initial_h")

    # -- a step --------------------------------------------------------------------------------------

    def step(self, x: Poly, state: Poly | None) -> Poly:
        """Return the state after a step."""
        algebra = self.algebra
        parts = [algebra.add(algebra.linear(w, x), b) for w, b in zip(self.W, self.b, strict=True)]
        before = None if state is None else algebra.as_state(state)
        return step_equations.step(
            self,
            self.direction,
            step_equations.Projection(*parts),
            before,
            linear_before_reset=self.spec.linear_before_reset,
        )

    def shown(self, made: Poly, before: Poly | None, step: Any, states: frozenset[int] = frozenset()) -> bool:  # noqa: ANN401 - a Count
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
        if not self.site.masked:
            return made is wanted
        cases, moment = Cases(self.algebra, states), self.site.moment(self.at(step))
        cases.hold(made, moment)
        held = cases.decided(made, 0.0)
        return cases.decided(made, 1.0) is cases.decided(wanted, 1.0) and held is (before or self.algebra.zero)

    def outputs(self, y: Poly | None, y_h: Poly | None) -> tuple[Poly | None, Poly | None]:
        """Return Y and Y_h without the masks that make them 0, of which there have to be the right ones.

        Args:
            y: Y, its first free axis the steps; ``None`` where nobody asks for it.
            y_h: Y_h, the same.

        Raises:
            NotShownError: They are not 0 where they have to be.

        """
        if not self.site.masked:
            return y, y_h
        cases = Cases(self.algebra)
        if y is not None and cases.own(y):
            step = 0 if self.site.length == 1 else 1
            cases.agree(cases.own(y), self.site.moment(0, step), self.site.moment(0, step).behind_steps())
            if cases.decided(y, 0.0, cases.own(y)).terms:
                raise NotShownError("Y is not 0 after the last step of a sequence")
            y = cases.decided(y, 1.0, cases.own(y))
        if y_h is None or self.site.zeros or not self.site.empty_is_zero:
            return y, y_h
        rest = cases.without(y_h, self.site.moment(0))
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
        return self.algebra.linear(self.R[gate], self.algebra.whole.get(state, state))

    def clip(self, value: Poly) -> Poly:
        """Bound a pre-activation."""
        if self.spec.clip is None:
            return value
        bound = float(np.float32(self.spec.clip))
        return self.algebra.fn("Clip", value, parameters=(-bound, bound))

    def activation(self, function: Activation, value: Poly, name: str) -> Poly:
        """Apply an activation; its parameters are single-precision attributes."""
        del name
        given = [float(np.float32(p)) for p in (function.alpha, function.beta) if p is not None]
        if function.name == "Affine":
            return self.algebra.add(self.algebra.scale(value, given[0]), self.algebra.constant(given[1]))
        if function.name == "ScaledTanh":
            return self.algebra.scale(self.algebra.fn("Tanh", self.algebra.scale(value, given[1])), given[0])
        return self.algebra.fn(function.name, value, parameters=tuple(given))


def whole(value: Known, name: str) -> Poly:
    """Return the polynomial of a value that has one.

    Raises:
        NotShownError: It is made of several, or of none.

    """
    if not isinstance(value, Value) or value.poly is None:
        raise NotShownError(f"{name} is not understood")
    return value.poly
