"""Prove loops, by induction over their steps.

What is read off the loop's states is the operator's state h: one of them, or a sum. Shown is that it is initial_h, or
the operator's state after the steps before the loop, when the loop begins; that a step of the body makes of it what a
step of the operator makes of h; and that Y and Y_h are what it is after each step, and after the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, varying
from gru_lower.passes.fuse_gru.algebra.views import along_axis
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.loops.loop_outputs import LoopOutput
from gru_lower.passes.fuse_gru.tensors.broadcasting import as_polynomials
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, feature_pieces
from gru_lower.proving import prove_unrolled
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.mask_cases import MaskCases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.proving.operator_step import Operator

MOST_STEPS_BEFORE = 1
"""How many of the operator's steps may be computed before the loop begins."""


def prove(operator: Operator, other: Interpreter, y: Poly | None, y_h: Poly | None) -> None:
    """Show that Y and Y_h of one direction are the operator's.

    Args:
        operator: The direction.
        other: The scope the loop stands in.
        y: Y, its first free axis the steps; ``None`` where nobody asks for it.
        y_h: Y_h, the same.

    Raises:
        NotShownError: They are not, for all that could be shown.

    """
    _Loop(operator, other, y, y_h).prove()


class _Stretch(NamedTuple):
    """H features of a loop's state.

    Attributes:
        before: Its leaf: what it is before a step.
        after: What it is after the step.
        initial: What it is when the loop begins.

    """

    before: Poly
    after: Poly
    initial: Poly


class _Loop:
    def __init__(self, operator: Operator, other: Interpreter, y: Poly | None, y_h: Poly | None) -> None:
        self.masked_in_body = operator.node.masked and y is not None and not MaskCases(operator.algebra).own_masks(y)
        y, y_h = operator.outputs(y, y_h)
        self.operator, self.other, self.y = operator, other, y
        self.algebra: Algebra = operator.algebra
        self.lasts = [] if y_h is None else [y_h]
        if y is not None and operator.node.length == 1 and not self._is_stacked(y):
            if self.masked_in_body:
                raise NotShownError("Y is not 0 after the last step of a sequence")
            self.lasts += prove_unrolled.parts(self.algebra, y)
            self.y = None
        self.carrier = self._carrier()
        self.stretches = self._stretches()
        """By the atom of their leaf."""

    def _is_stacked(self, poly: Poly) -> bool:
        atom = None if poly.atom is None else self.algebra.atoms[poly.atom]
        return isinstance(atom, Leaf) and isinstance(atom.source, LoopOutput) and atom.source.stacked

    def prove(self) -> None:
        length, trips = self.operator.node.length, self.carrier.trips
        steps_before = next((count for count in range(MOST_STEPS_BEFORE + 1) if trips + count == length), None)
        if steps_before is None:
            raise NotShownError("the loop has another number of steps than X")
        self._check_shapes_of_states()
        h = self.h()
        after, begun, initial = self._after_step(h), self._at_first(h), self.operator.initial()
        step = 0 if length == 1 else self.carrier.counter + steps_before
        if not self.operator.is_step(after, h, step, frozenset(self.stretches)):
            raise NotShownError("the body's new state is not one step from the old one")
        if not (self.operator.is_step(begun, initial, 0) if steps_before else begun is (initial or self.algebra.zero)):
            raise NotShownError("the loop does not begin with initial_h")
        if any(self._of_last(last) is not h for last in self.lasts):
            raise NotShownError("Y_h is not the last state")
        if self.y is not None:
            self._prove_y(h, after, steps_before)

    def h(self) -> Poly:
        """Return what is read off the states, a polynomial in their leaves.

        Raises:
            NotShownError: It is nothing that is understood.

        """
        if self.lasts:
            return self._of_last(self.lasts[0])
        assert self.y is not None
        left, _ = self._left(self.y)
        made = self.algebra.body_values[left]
        if left.of_state:
            return made
        for stretch in self.stretches.values():
            if stretch.after is made or (self.masked_in_body and self._is_masked(made, stretch.after)):
                return stretch.before
        raise NotShownError("no state of the loop is the GRU's")

    def _is_masked(self, made: Poly, after: Poly) -> bool:
        """Whether a value is a state after a step where masks are 1; what it is elsewhere is looked at later."""
        cases = MaskCases(self.algebra, frozenset(self.stretches))
        return cases.with_masks(made, 1.0) is cases.with_masks(after, 1.0)

    def _prove_y(self, h: Poly, after: Poly, steps_before: int) -> None:
        assert self.y is not None
        left, turned = self._left(self.y)
        if turned != self.operator.direction.reverse and self.operator.node.length != 1:
            raise NotShownError("Y comes in another order")
        computed = self.algebra.body_values[left]
        wanted = {("after", 0): h, ("all", 1): h, ("", 0): after}.get((left.of_state, steps_before))
        if self.masked_in_body and wanted is not None:
            cases = MaskCases(self.algebra, frozenset(self.stretches))
            step = 0 if self.operator.node.length == 1 else self.carrier.counter + steps_before
            cases.check_masks(computed, self.operator.node.mask_of(self.operator.at(step)))
            if left.of_state or cases.with_masks(computed, 0.0).terms:
                raise NotShownError("Y is not 0 after the last step of a sequence")
            computed, wanted = cases.with_masks(computed, 1.0), cases.with_masks(wanted, 1.0)
        if computed is not wanted:
            raise NotShownError("Y is not the states, one after the other")

    # -- the loop ----------------------------------------------------------------------------------------

    def _carrier(self) -> InterpretedLoop:
        """Return the one loop that the outputs come from."""
        paths = {source.path for poly in (self.y, *self.lasts) if poly is not None for source in self._sources(poly)}
        found = [carrier for carrier in self.other.loops.values() if carrier.body.scope.path in paths]
        if len(paths) != 1 or len(found) != 1:
            raise NotShownError("its outputs are not those of one loop")
        return found[0]

    def _check_shapes_of_states(self) -> None:
        """Check that all states keep their shape: a Scan whose states do not stops, whether they are read or not.

        Raises:
            NotShownError: One does not, or may not.

        """
        for state in self.carrier.states:
            before, after = self.other.value(state.initial), self.carrier.body.value(state.result)
            shapes = [known.dims if isinstance(known, (PolyTensor, ConstTensor)) else None for known in (before, after)]
            if state.kind is not StateKind.BUFFER and (None in shapes or shapes[0] != shapes[1]):
                raise NotShownError(f"{state.inner} need not keep its shape from step to step")

    def _sources(self, poly: Poly) -> Iterator[LoopOutput]:
        for mono, _ in poly.terms:
            for serial in filter(None, mono):
                atom = self.algebra.atoms[serial]
                if not isinstance(atom, Leaf) or not isinstance(atom.source, LoopOutput):
                    raise NotShownError("its outputs are not those of one loop")
                yield atom.source

    def _stretches(self) -> dict[int, _Stretch]:
        found: dict[int, _Stretch] = {}
        for place, state in enumerate(self.carrier.states):
            before = self.carrier.leaves.get(place)
            if state.kind is not StateKind.RECURRENT or before is None:
                continue
            result, first = self.carrier.body.value(state.result), self.other.value(state.initial)
            edge = 0
            for width, poly in before.pieces:
                after, initial = (self._stretch(known, before, edge, edge + width) for known in (result, first))
                edge += width
                if poly.atom is not None and after is not None and initial is not None:
                    found.setdefault(poly.atom, _Stretch(poly, after, initial))
        return found

    def _stretch(self, known: Known, like: PolyTensor, lo: int, hi: int) -> Poly | None:
        if isinstance(known, ConstTensor) and known.array.dtype.kind in "fV":
            if not known.array.any():
                return self.algebra.zero
            if known.array.shape[-1] == 1:
                return None
            part = ConstTensor(known.array[..., lo:hi], (*known.dims[:-1], hi - lo))
            known, lo, hi = as_polynomials(self.algebra, part), 0, hi - lo
        if not isinstance(known, PolyTensor) or known.axes[-1:] != (FEATURES,) or known.width < hi:
            return None
        if varying(known.axes) != varying(like.axes):
            return None
        pieces = feature_pieces(self.algebra, known, lo, hi)
        return pieces[0][1] if len(pieces) == 1 else None

    def _after_step(self, poly: Poly) -> Poly:
        """Return what a polynomial in the states is after a step."""
        return self._mapped(poly, {serial: stretch.after for serial, stretch in self.stretches.items()})

    def _at_first(self, poly: Poly) -> Poly:
        """Return what a polynomial in the states is when the loop begins."""
        return self._mapped(poly, {serial: stretch.initial for serial, stretch in self.stretches.items()})

    def _of_last(self, poly: Poly) -> Poly:
        """Return a polynomial in the loop's last states as one in its states."""
        ends: dict[int, Poly] = {}
        for place, state in enumerate(self.carrier.states):
            before, outer = self.carrier.leaves.get(place), self.other.values.get(state.outer)
            if before is None or not isinstance(outer, PolyTensor) or len(outer.pieces) != len(before.pieces):
                continue
            for (_, inner), (_, end) in zip(before.pieces, outer.pieces, strict=True):
                if end.atom is not None:
                    ends.setdefault(end.atom, inner)
        return self._mapped(poly, ends)

    def _mapped(self, poly: Poly, known: dict[int, Poly]) -> Poly:
        terms = []
        for mono, factor in poly.terms:
            product = self.algebra.constant(factor)
            for serial in filter(None, mono):
                if serial not in known:
                    raise NotShownError("what an output is made of is no state")
                product = self.algebra.mul(product, known[serial])
            terms.append(product)
        return self.algebra.add(*terms)

    def _left(self, poly: Poly) -> tuple[LoopOutput, bool]:
        """Return what the loop stacked that a polynomial is, and whether it has the last step first."""
        atom = None if poly.atom is None else self.algebra.atoms[poly.atom]
        if isinstance(atom, Leaf) and isinstance(atom.source, LoopOutput) and atom.source.stacked:
            whole, count = self.algebra.definitions[atom.source], self.operator.node.length
            if poly is whole:
                return atom.source, atom.source.reverse
            if poly is along_axis(self.algebra, whole, 0, count - 1, -1, None):
                return atom.source, not atom.source.reverse
        raise NotShownError("Y is not the states, one after the other")
