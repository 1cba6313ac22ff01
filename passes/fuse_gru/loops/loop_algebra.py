"""Polynomials that recognise a loop's states where the last one is computed outside of the loop.

A body that outputs the state before each step leaves the last one to be computed outside:

    Y = Concat(scan output without its first, what the body computes of the states, of the last states)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.views import along_axis, at_index
from gru_lower.passes.fuse_gru.loops.loop_outputs import LoopOutput, StatesOf
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


class LoopAlgebra(Algebra):
    """Polynomials, and the outputs of loops."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self.last_states: dict[int, Poly] = {}
        """What a loop's states are after its last step, by their atoms in the body."""

    def concatenated_steps(self, parts: list[Poly], total: Count) -> Poly | None:
        """Return a loop's states, where its steps computed them and the last one is computed outside.

        Args:
            parts: What is concatenated along the steps: a value of all steps, with or without the first, and a single
                one; with the last step first, the other way around.
            total: How many steps that is.

        Returns:
            ``None`` if the single one is not what the body computes, of the last states.

        """
        for stacked, last, reverse in ((parts[0], parts[-1], False), (parts[-1], parts[0], True)):
            source = self._source(stacked)
            if source is None or source.reverse != reverse:
                continue
            whole = self.definitions[source]
            states, start = self._states_among(source, total)
            if stacked is not (whole if states == "all" else along_axis(self, whole, 0, start, 1, total - 1)):
                continue
            if states and self.at_final_states(self.body_values[source]) is last:
                return self._states(source, states)
        return None

    def stack(self, parts: Iterable[Poly]) -> Poly:
        """Return polynomials along a new first free axis; a loop's states where they are that."""
        given = list(parts)
        for others, last, reverse in ((given[:-1], given[-1], False), (given[1:], given[0], True)):
            source = self._source(others[0]) if others else None
            if (
                source is None
                or source.reverse != reverse
                or self.at_final_states(self.body_values[source]) is not last
            ):
                continue
            whole = self.definitions[source]
            states, start = self._states_among(source, len(given))
            if states and all(part is at_index(self, whole, 0, start + index) for index, part in enumerate(others)):
                return self._states(source, states)
        return super().stack(given)

    def _states_among(self, source: LoopOutput, count: Count) -> tuple[StatesOf, int]:
        """Return which states so many values along a loop's steps may be, and the first of its steps among them."""
        trips = self.trip_counts[source.path]
        states: StatesOf = "after" if count == trips else "all" if count == trips + 1 else ""
        return states, 1 if states == "after" and not source.reverse else 0

    def _source(self, poly: Poly) -> LoopOutput | None:
        """Return the stacked output of a loop that a polynomial is a view of, ``None`` if it is none."""
        atom = None if poly.atom is None else self.atoms[poly.atom]
        source = atom.source if isinstance(atom, Leaf) else None
        return source if isinstance(source, LoopOutput) and source.stacked and not source.of_state else None

    def _states(self, source: LoopOutput, states: StatesOf) -> Poly:
        made = source._replace(of_state=states)
        if made not in self.definitions:
            whole = self.definitions[source]
            assert whole.atom is not None
            leaf = self.atoms[whole.atom]
            assert isinstance(leaf, Leaf)
            self.definitions[made] = self.poly_of_atom(leaf._replace(source=made))
            self.body_values[made] = self.body_values[source]
        return self.definitions[made]

    def record_final_state(self, inner: PolyTensor, last: PolyTensor) -> PolyTensor:
        """Return what a loop's state is after the last step; states that are one in the body have one last state.

        Args:
            inner: What the state is in the body.
            last: What it is after the loop.

        """
        if [width for width, _ in inner.pieces] != [width for width, _ in last.pieces]:
            return last
        pieces = []
        for (width, before), (_, after) in zip(inner.pieces, last.pieces, strict=True):
            known = after if before.atom is None else self.last_states.setdefault(before.atom, after)
            pieces.append((width, known))
        return PolyTensor(last.axes, last.dims, tuple(pieces))

    def at_final_states(self, poly: Poly) -> Poly | None:
        """Return what a body computes of the states, of the last ones; ``None`` if anything else is in it."""
        terms = []
        for mono, factor in self.definition_of(poly).terms:
            product = self.constant(factor)
            for serial in filter(None, mono):
                if serial not in self.last_states:
                    return None
                product = self.mul(product, self.last_states[serial])
            terms.append(product)
        return self.add(*terms)
