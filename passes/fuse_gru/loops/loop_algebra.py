"""The algebra of fusing, which knows the states that a loop carries in two summands, or hands out one step late.

A body that gives out the states before each step leaves the last one to be made outside:

    Y = Concat(scan output without its first, what the body computes of the states, of the last states)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Leaf
from gru_lower.passes.fuse_gru.loops.loop_outputs import Left
from gru_lower.passes.fuse_gru.tensors.tensor import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


class LoopAlgebra(Algebra):
    """Polynomials, and what loops leave behind."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self.ends: dict[int, Poly] = {}
        """What a loop's states are after its last step, by their atoms in the body."""

    def joined(self, parts: list[Poly], total: Count) -> Poly | None:
        """Recognise a loop's states in what its steps computed of those before them, and the same of the last ones.

        Args:
            parts: What lies one behind the other along the steps: the values of all steps, with or without the first,
                and a single one; with the last step first, the other way around.
            total: How many steps that is.

        """
        for stacked, last, turned in ((parts[0], parts[-1], False), (parts[-1], parts[0], True)):
            source = self._source(stacked)
            if source is None or source.turned != turned:
                continue
            whole, trips = self.defined[source], self.trips[source.path]
            kind = "after" if total == trips else "all" if total == trips + 1 else ""
            start = 1 if kind == "after" and not turned else 0
            if stacked is not self.along(whole, 0, start, 1, total - 1):
                continue
            if kind and self.ended(self.computed[source]) is last:
                return self._states(source, kind)
        return None

    def stack(self, parts: Iterable[Poly]) -> Poly:
        """Return polynomials along a new first free axis; a loop's states where they are that."""
        given = list(parts)
        for others, last, turned in ((given[:-1], given[-1], False), (given[1:], given[0], True)):
            source = self._source(others[0]) if others else None
            if source is None or source.turned != turned or self.ended(self.computed[source]) is not last:
                continue
            whole, trips = self.defined[source], self.trips[source.path]
            kind = {trips: "after", trips + 1: "all"}.get(len(given))
            start = 1 if kind == "after" and not turned else 0
            if kind and all(part is self.at(whole, 0, start + index) for index, part in enumerate(others)):
                return self._states(source, kind)
        return super().stack(given)

    def _source(self, poly: Poly) -> Left | None:
        """Return what a polynomial is a view of, if that is something a loop stacked."""
        atom = None if poly.atom is None else self.atoms[poly.atom]
        source = atom.source if isinstance(atom, Leaf) else None
        return source if isinstance(source, Left) and source.stacked and not source.of_state else None

    def _states(self, source: Left, kind: str) -> Poly:
        made = source._replace(of_state=kind)
        if made not in self.defined:
            whole = self.defined[source]
            assert whole.atom is not None
            leaf = self.atoms[whole.atom]
            assert isinstance(leaf, Leaf)
            self.defined[made] = self.atom(leaf._replace(source=made))
            self.computed[made] = self.computed[source]
        return self.defined[made]

    def left(self, given: Value, ended: Value) -> Value:
        """Remember what a loop's states are after its last step; those that are one have one end.

        Args:
            given: What a state is in the body.
            ended: What it is after the loop.

        """
        if [width for width, _ in given.pieces] != [width for width, _ in ended.pieces]:
            return ended
        pieces = []
        for (width, inner), (_, end) in zip(given.pieces, ended.pieces, strict=True):
            pieces.append((width, end if inner.atom is None else self.ends.setdefault(inner.atom, end)))
        return Value(ended.axes, ended.dims, tuple(pieces))

    def ended(self, poly: Poly) -> Poly | None:
        """Return what a body computes of the states, of the last ones; ``None`` if anything else is in it."""
        terms = []
        for mono, factor in self.opened(poly).terms:
            product = self.constant(factor)
            for serial in filter(None, mono):
                if serial not in self.ends:
                    return None
                product = self.mul(product, self.ends[serial])
            terms.append(product)
        return self.add(*terms)
