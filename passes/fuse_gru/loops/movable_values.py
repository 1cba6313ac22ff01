"""Which values of a loop's body need not be computed in the loop of its states: outputs, and states that collect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.tensors.value_roles import VIEWS

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.random_nodes import RandomNodes
    from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts

COLLECTING = VIEWS | {"SequenceInsert", "Concat", "ScatterND", "ScatterElements", "Scatter", "Gather", "Slice"}
"""Operators that store values of steps and make none."""


class MovedValues(NamedTuple):
    """What is moved out of a loop.

    Attributes:
        states: The places of states that only collect what the body computes of others.
        outputs: The places of scan outputs.

    """

    states: tuple[int, ...]
    outputs: tuple[int, ...]

    def kept(self, loop: LoopParts) -> list[int]:
        """Return the places of the states that stay."""
        return [place for place in range(loop.states) if place not in self.states]

    def names(self, loop: LoopParts) -> list[str]:
        """Return what is moved, by its names in the body."""
        outputs = [value.name for value in loop.outputs]
        return [*(loop.results[place] for place in self.states), *(outputs[place] for place in self.outputs)]

    def nodes(self, loop: LoopParts) -> list[NodeProto]:
        """Return the nodes that make what is moved, given the states that stay."""
        return loop.needed_for(self.names(loop), [loop.results[place] for place in self.kept(loop)])


def movable_values(loop: LoopParts, random: RandomNodes) -> MovedValues | None:
    """Return which values of a loop need not be computed in it; ``None`` if there are none.

    Args:
        loop: The loop.
        random: Which nodes draw random numbers.

    """
    moved = MovedValues(_collecting_states(loop), ())
    results = [loop.results[place] for place in moved.kept(loop)]
    needed = {id(each) for each in loop.needed_for(results)}
    states = {*loop.inner, *results}
    outputs = []
    for place, value in enumerate(loop.outputs):
        maker = loop.producers.get(loop.resolved(value.name))
        if loop.resolved(value.name) not in states and maker is not None and id(maker) not in needed:
            outputs.append(place)
    moved = _without_shared_noise(loop, moved._replace(outputs=tuple(outputs)), random)
    if moved.states and any(not loop.is_tensor(place) for place in _states_read(loop, moved)):
        return None
    return moved if _states_read(loop, moved) else None


def _states_read(loop: LoopParts, moved: MovedValues) -> list[int]:
    """Return the states that stay and that what is moved is computed of."""
    used = {name for node in moved.nodes(loop) for name in node_uses(node)} | set(moved.names(loop))
    return [place for place in moved.kept(loop) if used & {loop.inner[place], loop.results[place]}]


def _collecting_states(loop: LoopParts) -> tuple[int, ...]:
    """Return the states that collect what the body computes of other states, and that nothing else reads."""
    return tuple(place for place in range(loop.states) if _collects(loop, place))


def _collects(loop: LoopParts, place: int) -> bool:
    inner, result = loop.inner[place], loop.results[place]
    others = [name for other, name in enumerate(loop.results) if other != place]
    elsewhere = [*others, *(value.name for value in loop.outputs)]
    if inner in elsewhere or any(inner in node_uses(node) for node in loop.needed_for(elsewhere)):
        return False
    carried, computed = {inner}, {*loop.inner, *others} - {inner}
    computes = False
    for node in loop.needed_for([result], others):
        uses = set(node_uses(node))
        if uses & carried:
            carried.update(node.output)
        elif uses & computed:
            computes = computes or node.op_type not in COLLECTING
            computed.update(node.output)
    return computes and result in carried and not loop.multiplies(place)  # which is a recurrence of its own


def _without_shared_noise(loop: LoopParts, moved: MovedValues, random: RandomNodes) -> MovedValues:
    """Return what needs no random numbers that what stays needs, too."""
    while moved.names(loop):
        outputs = [value.name for place, value in enumerate(loop.outputs) if place not in moved.outputs]
        results = [loop.results[place] for place in moved.kept(loop)]
        drawn = {id(each) for each in loop.needed_for([*results, *outputs]) if random.draws(each)}

        def is_apart(name: str, drawn: set[int] = drawn, results: list[str] = results) -> bool:
            return all(id(each) not in drawn for each in loop.needed_for([name], results))

        apart = MovedValues(
            tuple(place for place in moved.states if is_apart(loop.results[place])),
            tuple(place for place in moved.outputs if is_apart(loop.outputs[place].name)),
        )
        if apart == moved:
            break
        moved = apart
    return moved
