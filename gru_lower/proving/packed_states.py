"""Values multiplied out and taken apart, for loops whose states are packed.

A packed body computes gates and directions side by side, with matrices that are put together from blocks. Here every
feature axis falls into stretches of H, a block of zeros is nothing, an identity is what it multiplies, and products
are spread over sums: what is the same over the reals comes out as the same polynomial, whichever way it was packed.

Two stretches of states that are the same at the beginning are taken for one until a step tells them apart; those that
none does are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, whole_axes
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Lin, Stack, Vector
from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra
from gru_lower.passes.fuse_gru.loops.read_loop import Reader
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value, features, leaf

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Mono, Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Known
    from gru_lower.passes.fuse_gru.loops.read_loop import State

AT_ZERO = {"Tanh": 0.0, "Relu": 0.0, "Softsign": 0.0, "Elu": 0.0, "LeakyRelu": 0.0, "Clip": 0.0}
"""What functions are at 0."""


class Apart(LoopAlgebra):
    """Polynomials that are multiplied out.

    Args:
        block: H: how wide the stretches are.

    """

    def __init__(self, block: int) -> None:
        """Start with nothing known."""
        super().__init__()
        self.block, self.weights_in_parts = block, True
        self._products: dict[Mono, int] = {}

    def as_state(self, poly: Poly) -> Poly:
        """Return the polynomial: nothing is looked at as a whole."""
        return poly

    def at_rest(self, poly: Poly) -> Poly:
        """Return the polynomial, as above."""
        return poly

    def cut(self, poly: Poly) -> int:
        """Return an atom for a product of atoms; that of one atom is itself. A sum is no product: it is one value."""
        if len(poly.terms) != 1:
            return super().cut(poly)
        ((mono, _),) = poly.terms
        if len(mono) == 1 and isinstance(self.atoms[mono[0]], (Leaf, Stack)):
            return mono[0]
        found = self._products.get(mono)
        if found is None:
            source = ("product", len(self._products))
            self.defined[source] = poly
            made = self.atom(Leaf(source, whole_axes(self.free_of(poly)), 0, self.width_of(poly)))
            assert made.atom is not None
            found = self._products[mono] = made.atom
        return found

    def linear(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial, term by term."""
        if matrix.is_zero:
            return self.zero
        if matrix.is_identity:
            return poly
        if matrix.is_negative:
            assert matrix.array is not None
            return self.scale(self.linear(self.matrices.scaled(matrix, -np.ones(matrix.shape[1])), poly), -1.0)
        terms = []
        for mono, factor in poly.terms:
            one = self.poly({mono: 1.0})
            if not any(mono):
                terms.append(self._folded(matrix, self.poly({mono: factor})))
            elif not isinstance(factor, Vector):
                terms.append(self.scale(self.atom(Lin(matrix, self.cut(one))), factor))
            elif matrix.array is None:
                raise NotUnderstoodError
            else:
                terms.append(self.linear(self.matrices.scaled(matrix, factor.data), one))
        return self.add(*terms)

    def fn(self, op: str, *arguments: Poly, parameters: tuple[float, ...] = ()) -> Poly:
        """Return a function of polynomials; of 0, its number. Of clips of v and -v only one is ever an atom."""
        if op in AT_ZERO and not any(argument.terms for argument in arguments):
            return self.constant(AT_ZERO[op])
        if op == "Clip" and parameters[0] == -parameters[1] and self._is_negative(arguments[0]):
            return self.scale(super().fn(op, self.scale(arguments[0], -1.0), parameters=parameters), -1.0)
        return super().fn(op, *arguments, parameters=parameters)


class ApartReader(Reader):
    """Reads a loop with its states in stretches.

    Attributes:
        classes: For each stretch of a state, ``(place, stretch)``, the first one that is the same.

    """

    classes: dict[tuple[int, int], tuple[int, int]] | None = None

    def leaf_of(self, state: State, place: int) -> Known:
        """Return what a state is in the body: a leaf for each stretch."""
        parts = self._parts(state)
        if parts is None:
            return super().leaf_of(state, place)
        if self.classes is None:
            self.classes = self._alike_at_first()
        initial = self.initial(state)
        assert isinstance(initial, (Value, Const))
        block = self.outside.algebra.block
        pieces: list[tuple[int, Poly]] = []
        axes: Any = ()
        for stretch in range(len(parts)):
            first, number = self.classes[place, stretch]
            source = (self.scope.path, self.states[first].inner, number)
            made = leaf(self.outside.algebra, source, (*initial.dims[:-1], block))
            self.outside.algebra.data.add(source)
            axes = made.axes
            pieces += made.pieces
        return Value(axes, initial.dims, tuple(pieces))

    def learnt(self, body: Interpreter, leaves: dict[int, Value]) -> bool:
        """Tell stretches apart; only when none is to be told apart any more, learn anything else."""
        if self.classes is not None:
            refined = self._refined(body)
            self.settled = refined == self.classes
            self.classes = refined
            if not self.settled:
                return True
        return super().learnt(body, leaves)

    def _parts(self, state: State) -> list[Hashable] | None:
        """Return what each stretch is at first, ``None`` if there are none."""
        initial, block = self.initial(state), self.outside.algebra.block
        if not isinstance(initial, (Value, Const)) or len(initial.dims) < 2:
            return None
        width = initial.dims[-1]
        if not isinstance(width, int) or width % block or not width:
            return None
        edges = range(0, width, block)
        if isinstance(initial, Const):
            if initial.array.dtype.kind not in "fV":
                return None
            if not initial.array.any():
                return ["zeros" for _ in edges]
            if not initial.whole:
                return None
            parts = [initial.array[..., edge : edge + block] for edge in edges]
            return [part.tobytes() if part.any() else "zeros" for part in parts]
        if initial.axes[-1] is not FEATURES:
            return None
        found: list[Hashable] = []
        for edge in edges:
            pieces = features(self.outside.algebra, initial, edge, edge + block)
            found.append(
                pieces[0][1] if len(pieces) == 1 and pieces[0][1].terms else "zeros" if len(pieces) == 1 else edge
            )
        return found

    def _alike_at_first(self) -> dict[tuple[int, int], tuple[int, int]]:
        first: dict[Hashable, tuple[int, int]] = {}
        classes = {}
        for place, state in enumerate(self.states):
            for stretch, part in enumerate(self._parts(state) or ()):
                classes[place, stretch] = first.setdefault(part, (place, stretch))
        return classes

    def _refined(self, body: Interpreter) -> dict[tuple[int, int], tuple[int, int]]:
        """Split classes by what a step makes of their stretches."""
        assert self.classes is not None
        block = self.outside.algebra.block
        first: dict[Hashable, tuple[int, int]] = {}
        refined = {}
        for (place, stretch), of in self.classes.items():
            known = body.value(self.states[place].result)
            made: Hashable = (place, stretch)
            if isinstance(known, Value) and known.axes[-1:] == (FEATURES,):
                pieces = features(body.algebra, known, stretch * block, (stretch + 1) * block)
                if len(pieces) == 1:
                    made = (pieces[0][1], known.axes)
            elif isinstance(known, Const) and not known.array.any():
                made = "zeros"
            refined[place, stretch] = first.setdefault((of, made), (place, stretch))
        return refined


class ApartInterpreter(Interpreter):
    """Reads loops with their states in stretches."""

    reader = ApartReader
