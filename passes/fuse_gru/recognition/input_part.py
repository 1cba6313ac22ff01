"""One stretch of a recurrence's input Xt: a tensor read step by step, another recurrence's states, or single values."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import FreeAxis, ReadAt, index_at
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.inputs_computed_in_loop import read_from_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StatePlace


@dataclass(frozen=True)
class InputPart:
    """A stretch of the input's features, over all steps.

    Attributes:
        atoms: The atom of each step; the one of a loop.
        count: The number of steps.
        recurrence: The recurrence whose states they are, ``None`` for none.
        time: The axis of the tensor that all of them are read from, ``None`` if they are single values.
        first: The index of the first step, on that axis or among that recurrence's states.
        step: 1, or -1 where the steps run backwards.

    """

    atoms: tuple[int, ...]
    count: Count
    recurrence: int | None = None
    time: int | None = None
    first: Count = 0
    step: int = 1

    @property
    def index_range(self) -> tuple[Count, Count]:
        """The first and the last (exclusive) index that is read."""
        lowest = self.first if self.step == 1 else self.first - (self.count - 1)
        return lowest, lowest + self.count


def find_part(
    interpreter: Interpreter,
    recurrences: Sequence[Recurrence],
    number: int,
    which: int,
    states: dict[int, StatePlace],
) -> InputPart:
    """Find where one stretch of a recurrence's input comes from.

    Args:
        interpreter: The scope.
        recurrences: All recurrences of the scope.
        number: Which one.
        which: Which of the atoms of Xt.
        states: The place of every atom that is a state.

    Raises:
        CannotWriteError: The steps do not read it one behind the other.

    """
    recurrence = recurrences[number]
    atoms = tuple(cell.x[which] for cell in recurrence.cells)
    places = [states.get(atom) for atom in atoms]
    if None not in places and len({place.recurrence for place in places if place}) == 1:
        times = [place.time for place in places if place]
        other = next(place.recurrence for place in places if place)
        if other != number and recurrences[other].loop is recurrence.loop:
            step = 1 if recurrence.loop is not None else _step(times)
            if step:
                return InputPart(atoms, recurrence.steps, recurrence=other, first=times[0], step=step)
    leaves = [interpreter.algebra.atoms[atom] for atom in atoms]
    if recurrence.loop is not None:
        atoms = (read_from_graph(interpreter, recurrence, atoms[0]),)
        return _part_of_loop(recurrence, atoms, interpreter.algebra.atoms[atoms[0]])
    if len(atoms) > 1 and all(isinstance(leaf, Leaf) for leaf in leaves):
        found = _axis_read_along(leaves)
        if found is not None:
            time, first, step = found
            return InputPart(atoms, recurrence.steps, None, time, first, step)
    return InputPart(atoms, recurrence.steps)


def _part_of_loop(recurrence: Recurrence, atoms: tuple[int, ...], leaf: Any) -> InputPart:  # noqa: ANN401 - an atom
    assert recurrence.loop is not None
    name = recurrence.loop.counter.terms[0][0]
    found = enumerate(index_at(entry, name) for entry in getattr(leaf, "axes", ()))
    moving = [(axis, index) for axis, index in found if index is not None]
    if not moving:
        return InputPart(atoms, recurrence.steps)
    axis, index = moving[0]
    step = index.factor(name)
    if len(moving) > 1 or step not in (1, -1):
        raise CannotWriteError("the steps of the input are not one behind the other")
    return InputPart(atoms, recurrence.steps, None, axis, index - recurrence.loop.counter * step, step)


def _step(times: Sequence[Any]) -> int:
    """Return 1 for times that count up by one, -1 down, 0 for others."""
    if not all(isinstance(time, int) for time in times):
        return 0
    steps = {b - a for a, b in pairwise(times)}
    return steps.pop() if len(steps) == 1 and steps <= {1, -1} else int(not steps)


def _axis_read_along(leaves: Sequence[Any]) -> tuple[int, int, int] | None:
    """Return axis, first index and step where leaves are one value read along an axis."""
    first = leaves[0]
    if any(leaf._replace(axes=()) != first._replace(axes=()) for leaf in leaves):
        return None
    columns = list(zip(*(leaf.axes for leaf in leaves), strict=True))
    moving = [axis for axis, entries in enumerate(columns) if len(set(entries)) > 1]
    if len(moving) != 1 or not all(isinstance(entry, ReadAt) for entry in columns[moving[0]]):
        return None
    times = [entry.position for entry in columns[moving[0]]]
    step = _step(times)
    return (moving[0], times[0], step) if step else None


class TensorOfPart(NamedTuple):
    """The tensor that a part of the input is read from.

    Attributes:
        name: Its name.
        time: Its axis of time.

    """

    name: str
    time: int


def tensor_of(interpreter: Interpreter, part: InputPart) -> TensorOfPart:
    """Return the tensor that a part with an axis of time is read from.

    Raises:
        CannotWriteError: The graph has none.

    """
    leaf = interpreter.algebra.atoms[part.atoms[0]]
    assert isinstance(leaf, Leaf)
    assert part.time is not None
    name = interpreter.name_of(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    if leaf.source not in interpreter.algebra.definitions:
        return TensorOfPart(name, part.time)
    home = interpreter.named_tensor(interpreter.algebra.definitions[leaf.source])
    if home is None or FreeAxis(part.time) not in home.value.axes:
        raise CannotWriteError("an input's axes lie together")
    return TensorOfPart(name, home.value.axes.index(FreeAxis(part.time)))


def needs_count(interpreter: Interpreter, part: InputPart) -> bool:
    """Whether how much of a tensor is read is only known at run time."""
    if part.time is None:
        return False
    first, last = part.index_range
    name, axis = tensor_of(interpreter, part)
    return (first, last) != (0, interpreter.dims(name)[axis]) and not (isinstance(first, int) and isinstance(last, int))
