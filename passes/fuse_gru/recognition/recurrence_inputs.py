"""Find the input Xt of a recurrence: a tensor read step by step, another recurrence's states, or single values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.algebra.axes import FreeAxis, ReadAt, index_at
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState
from gru_lower.passes.fuse_gru.recognition.inputs_computed_in_loop import read_from_graph
from gru_lower.passes.fuse_gru.recognition.sequence_lens_of_mask import find_sequence_lens, name_of_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.sequence_lens_of_mask import SequenceLens
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


@dataclass(frozen=True)
class RecurrenceInputs:
    """All that a recurrence reads.

    Attributes:
        parts: Xt, stretch after stretch.
        names: The values of the graph that are read, weights and initial state included.
        recurrences: The recurrences that are read.
        count_name: The value that is the number of steps, ``""`` for none.
        sequence_lens: Where its sequence_lens comes from, ``None`` if it has none.

    """

    parts: tuple[InputPart, ...]
    names: tuple[str, ...]
    recurrences: tuple[int, ...] = field(default=())
    count_name: str = ""
    sequence_lens: SequenceLens | None = None

    @property
    def reverse(self) -> bool:
        """Whether the GRU runs backwards: as its mask does, or else as the steps do over every part."""
        if self.sequence_lens is not None:
            return self.sequence_lens.backwards
        return all(part.step == -1 for part in self.parts)


def find_inputs(
    interpreter: Interpreter, recurrences: Sequence[Recurrence], number: int, places: dict[int, StatePlace]
) -> RecurrenceInputs:
    """Find out what a recurrence reads, but for its sequence_lens.

    Args:
        interpreter: The scope.
        recurrences: All recurrences of the scope.
        number: Which one.
        places: The place of every atom that is a state.

    Raises:
        CannotWriteError: Something it reads is not to be had, or hangs on the recurrence itself.

    """
    recurrence = recurrences[number]
    cell = recurrence.last_cell
    count = len(cell.x)
    if any(len(other.x) != count for other in recurrence.cells):
        raise CannotWriteError("the steps do not read as many inputs")
    parts = tuple(_part(interpreter, recurrences, number, i, places) for i in range(count))
    names: dict[str, None] = {}
    others: dict[int, None] = {}
    atoms: list[int] = []
    if isinstance(recurrence.initial, InitialState):
        names[recurrence.initial.name] = None
    elif recurrence.initial is not None:
        atoms.append(recurrence.initial)
    for part in parts:
        if part.recurrence is not None:
            others[part.recurrence] = None
        atoms += part.atoms if part.recurrence is None else ()
    for gate in filter(None, (cell.z, cell.r, cell.h, cell.recurrent_candidate)):
        atoms += [mono[0] for mono, _ in gate.bias.terms if any(mono)]
        names.update(dict.fromkeys(_matrices(interpreter, gate)))
    for atom in dict.fromkeys(atoms):
        names.update(dict.fromkeys(_names_of(interpreter, atom)))
    if recurrence.loop is None:
        _check_no_feedback(interpreter, recurrence, parts, names)
    count_name = "" if recurrence.loop is None else recurrence.loop.trips_name
    if count_name and any(_needs_count(interpreter, part) for part in parts):
        names[count_name] = None
    return RecurrenceInputs(parts, tuple(names), tuple(others), count_name)


def with_sequence_lens(interpreter: Interpreter, recurrence: Recurrence, inputs: RecurrenceInputs) -> RecurrenceInputs:
    """Add to what a masked recurrence reads where its sequence_lens comes from.

    Raises:
        CannotWriteError: No lengths can say what the mask says.

    """
    lens = find_sequence_lens(recurrence)
    name = name_of_lengths(interpreter, lens)
    names = inputs.names if name is None or name in inputs.names else (*inputs.names, name)
    return replace(inputs, names=names, sequence_lens=lens)


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
    name = interpreter.place(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    if leaf.source not in interpreter.algebra.defined:
        return TensorOfPart(name, part.time)
    home = interpreter.home(interpreter.algebra.defined[leaf.source])
    if home is None or FreeAxis(part.time) not in home.value.axes:
        raise CannotWriteError("an input's axes lie together")
    return TensorOfPart(name, home.value.axes.index(FreeAxis(part.time)))


def _matrices(interpreter: Interpreter, gate: PreActivation) -> Iterator[str]:
    """Yield the values that are matrices of a gate and no constants."""
    for products in (gate.state, *(p for _, p in gate.inputs)):
        for _, matrix in products:
            if matrix.array is None:
                name = interpreter.place(matrix.source)
                if name is None:
                    raise CannotWriteError("a matrix is computed anew in every step")
                yield name


def _names_of(interpreter: Interpreter, atom: int) -> list[str]:
    """Return the value of the graph that an atom is, none for a constant."""
    leaf = interpreter.algebra.atoms[atom]
    if not isinstance(leaf, Leaf):
        raise CannotWriteError("an input is not in the graph")
    if leaf.source in interpreter.algebra.constants:
        return []
    name = interpreter.place(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    return [name]


def _part(
    interpreter: Interpreter,
    recurrences: Sequence[Recurrence],
    number: int,
    which: int,
    states: dict[int, StatePlace],
) -> InputPart:
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


def _check_no_feedback(
    interpreter: Interpreter, recurrence: Recurrence, parts: Sequence[InputPart], names: dict[str, None]
) -> None:
    """Check that nothing a recurrence reads hangs on its own states.

    Raises:
        CannotWriteError: Something does.

    """
    own = _downstream(interpreter, recurrence)
    states_read = [
        name
        for part in parts
        if part.recurrence is not None
        for atom in part.atoms
        for name in _names_of(interpreter, atom)
    ]
    if any(name in own for name in (*names, *states_read)):
        raise CannotWriteError("the input of a step hangs on the state of another: the loop feeds back")


def _downstream(interpreter: Interpreter, recurrence: Recurrence) -> set[str]:
    """Return every value that hangs on a state of a recurrence."""
    states = [interpreter.homes[cell.state].name for cell in recurrence.cells if cell.state in interpreter.homes]
    found = set(states)
    scope = interpreter.scope
    first = min((scope.producers[name] for name in states if name in scope.producers), default=0)
    for index in range(first, len(scope.nodes)):
        node = scope.nodes[index]
        if any(name in found for name in node_uses(node)):
            found.update(node.output)
    return found - {""}


def _needs_count(interpreter: Interpreter, part: InputPart) -> bool:
    """Whether how much of a tensor is read is only known at run time."""
    if part.time is None:
        return False
    first, last = part.index_range
    name, axis = tensor_of(interpreter, part)
    return (first, last) != (0, interpreter.dims(name)[axis]) and not (isinstance(first, int) and isinstance(last, int))
