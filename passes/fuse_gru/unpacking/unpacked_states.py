"""The states of a Scan that is unpacked: stretches of features, those that are equal in every step taken together.

Two stretches that are equal at the beginning are taken for one until a step makes them different; those that no step
makes different are equal. Those that are 0 at first and stay so are no states at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.loops.equal_stretches import ZEROS, stretches_at_first
from gru_lower.passes.fuse_gru.unpacking.stretch_nodes import Stretch, StretchWriter
from gru_lower.passes.fuse_gru.unpacking.stretch_width import matrices_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts

Place = tuple[int, int]
"""A stretch of a state: the state's place, and which stretch."""
MATRIX = 2
"""How many axes a state has whose last one is taken apart."""


class UnpackedStates:
    """The stretches of one Scan's states.

    Args:
        outside: The scope it stands in.
        interpreted: The Scan, interpreted.
        loop: Its parts.
        width: How many features a stretch has.
        names: The names that are taken.

    Attributes:
        at_first: What each stretch of a state is at first, by the state's place; other states are carried whole.
        classes: For each stretch the first one that is equal to it in every step, or that it is zeros.

    """

    def __init__(
        self, outside: Interpreter, interpreted: InterpretedLoop, loop: LoopParts, width: int, names: Names
    ) -> None:
        """Look at what the states are at first."""
        self.outside, self.loop, self.width, self.names = outside, loop, width, names
        self._body, self._dtype = interpreted.body, matrices_of(interpreted)[0].dtype
        self.at_first: dict[int, list[Hashable]] = {}
        for place, name in enumerate(loop.initial):
            parts = stretches_at_first(outside.algebra, outside.value(name), width)
            if parts is not None and len(outside.dims(name)) == MATRIX:
                self.at_first[place] = parts
        first: dict[Hashable, Hashable] = {ZEROS: ZEROS}
        self.classes: dict[Place, Hashable] = {
            (place, stretch): first.setdefault(part, (place, stretch))
            for place, parts in self.at_first.items()
            for stretch, part in enumerate(parts)
        }
        self._inner = {
            (place, stretch): names.value(f"{loop.inner[place]}/{stretch}") for place, stretch in self.classes
        }

    @property
    def is_packed(self) -> bool:
        """Whether a state that is read is put together of stretches."""
        read = {name for node in self.loop.body.node for name in node_uses(node)}
        return any(len(parts) > 1 and self.loop.inner[place] in read for place, parts in self.at_first.items())

    def written_body(self) -> StretchWriter | None:
        """Write the body stretch by stretch, until no step makes stretches of one class different.

        Returns:
            ``None`` if no stretch is left that is more than zeros.

        """
        while True:
            states = self._states()
            writer = StretchWriter(self._body, self.width, self._dtype, states, self.names)
            for node in self.loop.body.node:
                writer.write(node)
            refined = self._refined(writer)
            if refined == self.classes:
                some = any(isinstance(each, str) for parts in states.values() for each in parts)
                return writer if some else None
            self.classes = refined

    def inner(self, of: Hashable) -> Stretch:
        """Return what a class of stretches is in the body before a step: a value, or 0."""
        return 0.0 if of == ZEROS or not isinstance(of, tuple) else self._inner[of]

    def results(self, writer: StretchWriter, place: int) -> list[Stretch]:
        """Return what a step makes of the stretches of a state."""
        return writer.parts(self.loop.results[place], len(self.at_first[place]))

    def _states(self) -> dict[str, list[Stretch]]:
        return {
            self.loop.inner[place]: [self.inner(self.classes[place, stretch]) for stretch in range(len(parts))]
            for place, parts in self.at_first.items()
        }

    def _refined(self, writer: StretchWriter) -> dict[Place, Hashable]:
        """Split classes by what a step makes of their stretches."""
        first: dict[Hashable, Hashable] = {(ZEROS, 0.0): ZEROS}
        made = {place: self.results(writer, place) for place in self.at_first}
        return {
            (place, stretch): first.setdefault((of, made[place][stretch]), (place, stretch))
            for (place, stretch), of in self.classes.items()
        }
