"""Interpret loops whose states are packed: a state is split into stretches of H features, and equal ones are one leaf.

Two stretches that are equal at the beginning are taken for one until a step of the loop makes them different; those
that no step makes different are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
from gru_lower.passes.fuse_gru.loops.equal_stretches import ZEROS, stretches_at_first
from gru_lower.passes.fuse_gru.loops.read_loop import LoopReader
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, feature_pieces, leaf_tensor

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import LoopState
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues


class StateBlock(NamedTuple):
    """The source of a leaf that is one stretch of H features of a loop's state.

    Attributes:
        path: The loop's body.
        state: The state's name there.
        number: Which of its stretches.

    """

    path: str
    state: str
    number: int


class PackedReader(LoopReader):
    """Reads a loop whose states are split into stretches of H features.

    Attributes:
        classes: For each stretch of a state, ``(place, stretch)``, the first one that is equal to it.

    """

    classes: dict[tuple[int, int], tuple[int, int]] | None = None

    def leaf_of(self, state: LoopState, place: int) -> Known:
        """Return what a state is in the body: a leaf for each stretch."""
        parts = self._parts(state)
        if parts is None:
            return super().leaf_of(state, place)
        if self.classes is None:
            self.classes = self._equal_at_first()
        initial = self.carried.initial(state)
        assert isinstance(initial, (PolyTensor, ConstTensor))
        block = self.outside.algebra.feature_block
        pieces: list[tuple[int, Poly]] = []
        axes: Any = ()
        for stretch in range(len(parts)):
            first, number = self.classes[place, stretch]
            source = StateBlock(self.scope.path, self.carried.states[first].inner, number)
            made = leaf_tensor(self.outside.algebra, source, (*initial.dims[:-1], block))
            self.outside.algebra.non_matrices.add(source)
            axes = made.axes
            pieces += made.pieces
        return PolyTensor(axes, initial.dims, tuple(pieces))

    def learnt(self, body: ScopeValues, leaves: dict[int, PolyTensor]) -> bool:
        """Split classes of equal stretches; only when there is nothing more to split, learn anything else."""
        if self.classes is not None:
            refined = self._refined(body)
            self.settled = refined == self.classes
            self.classes = refined
            if not self.settled:
                return True
        return super().learnt(body, leaves)

    def _parts(self, state: LoopState) -> list[Hashable] | None:
        """Return what each stretch is at first, ``None`` if there are none."""
        algebra = self.outside.algebra
        return stretches_at_first(algebra, self.carried.initial(state), algebra.feature_block)

    def _equal_at_first(self) -> dict[tuple[int, int], tuple[int, int]]:
        first: dict[Hashable, tuple[int, int]] = {}
        classes = {}
        for place, state in enumerate(self.carried.states):
            for stretch, part in enumerate(self._parts(state) or ()):
                classes[place, stretch] = first.setdefault(part, (place, stretch))
        return classes

    def _refined(self, body: ScopeValues) -> dict[tuple[int, int], tuple[int, int]]:
        """Split classes by what a step makes of their stretches."""
        assert self.classes is not None
        block = self.outside.algebra.feature_block
        first: dict[Hashable, tuple[int, int]] = {}
        refined = {}
        for (place, stretch), of in self.classes.items():
            known = body.value(self.carried.states[place].result)
            made: Hashable = (place, stretch)
            if isinstance(known, PolyTensor) and known.axes[-1:] == (FEATURES,):
                pieces = feature_pieces(body.algebra, known, stretch * block, (stretch + 1) * block)
                if len(pieces) == 1:
                    made = (pieces[0][1], known.axes)
            elif isinstance(known, ConstTensor) and not known.array.any():
                made = ZEROS
            refined[place, stretch] = first.setdefault((of, made), (place, stretch))
        return refined


class PackedInterpreter(Interpreter):
    """Interprets a scope; its loops' states are split into stretches of H features."""

    reader = PackedReader
