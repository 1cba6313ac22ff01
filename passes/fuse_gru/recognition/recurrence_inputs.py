"""Find all that a recurrence reads: its input Xt, weights, biases, initial state and sequence_lens."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.sources import whole_source
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError, FeedsBackError
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState
from gru_lower.passes.fuse_gru.recognition.input_part import InputPart, find_part, needs_count
from gru_lower.passes.fuse_gru.recognition.nested_loop_inputs import leaf_in_scope
from gru_lower.passes.fuse_gru.recognition.sequence_lens_of_mask import find_sequence_lens, name_of_lengths
from gru_lower.passes.fuse_gru.recognition.whole_input import find_whole_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.sequence_lens_of_mask import SequenceLens
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StatePlace
    from gru_lower.passes.fuse_gru.recognition.whole_input import WholeInput


@dataclass(frozen=True)
class RecurrenceInputs:
    """All that a recurrence reads.

    Attributes:
        parts: Xt, stretch after stretch.
        names: The values of the graph that are read, weights and initial state included.
        recurrences: The recurrences that are read.
        count_name: The value that is the number of steps, ``""`` for none.
        sequence_lens: Where its sequence_lens comes from, ``None`` if it has none.
        whole: The value that all of Xt is, where its stretches are read in different directions and there is one.

    """

    parts: tuple[InputPart, ...]
    names: tuple[str, ...]
    recurrences: tuple[int, ...] = field(default=())
    count_name: str = ""
    sequence_lens: SequenceLens | None = None
    whole: WholeInput | None = None


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
    parts = tuple(find_part(interpreter, recurrences, number, i, places) for i in range(count))
    whole = find_whole_input(interpreter, recurrence, parts)
    names: dict[str, None] = {}
    others: dict[int, None] = {}
    atoms: list[int] = []
    if isinstance(recurrence.initial, InitialState):
        names[recurrence.initial.name] = None
    elif recurrence.initial is not None:
        atoms.append(recurrence.initial)
    if whole is not None:
        names[whole.name] = None
    for part in parts if whole is None else ():
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
    if count_name and whole is None and any(needs_count(interpreter, part) for part in parts):
        names[count_name] = None
    return RecurrenceInputs(parts, tuple(names), tuple(others), count_name, whole=whole)


def with_sequence_lens(interpreter: Interpreter, recurrence: Recurrence, inputs: RecurrenceInputs) -> RecurrenceInputs:
    """Add to what a masked recurrence reads where its sequence_lens comes from.

    Raises:
        CannotWriteError: No lengths can say what the mask says.

    """
    lens = find_sequence_lens(recurrence)
    lens = replace(lens, leaf=leaf_in_scope(interpreter, lens.leaf))
    name = name_of_lengths(interpreter, lens)
    names = inputs.names if name is None or name in inputs.names else (*inputs.names, name)
    return replace(inputs, names=names, sequence_lens=lens)


def without_recurrence(interpreter: Interpreter, inputs: RecurrenceInputs, number: int) -> RecurrenceInputs:
    """Return what a recurrence reads where another one stays as it is: that one's states, value by value.

    Args:
        interpreter: The scope.
        inputs: What it reads, some of which are the states of the other.
        number: The other.

    Raises:
        CannotWriteError: One of these is not in the graph.

    """
    parts, names = [], dict.fromkeys(inputs.names)
    for part in inputs.parts:
        if part.recurrence != number:
            parts.append(part)
            continue
        parts.append(InputPart(part.atoms, part.count))
        for atom in part.atoms:
            names.update(dict.fromkeys(_names_of(interpreter, atom)))
    others = tuple(other for other in inputs.recurrences if other != number)
    return replace(inputs, parts=tuple(parts), names=tuple(names), recurrences=others)


def _matrices(interpreter: Interpreter, gate: PreActivation) -> Iterator[str]:
    """Yield the values that are matrices of a gate and no constants."""
    for products in (gate.state, *(p for _, p in gate.inputs)):
        for _, matrix in products:
            if matrix.array is None:
                name = interpreter.name_of(whole_source(matrix.source))
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
    name = interpreter.name_of(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    return [name]


def _check_no_feedback(
    interpreter: Interpreter, recurrence: Recurrence, parts: Sequence[InputPart], names: dict[str, None]
) -> None:
    """Check that nothing a recurrence reads hangs on its own states.

    Raises:
        FeedsBackError: Something does.

    """
    states_read = [
        name
        for part in parts
        if part.recurrence is not None
        for atom in part.atoms
        for name in _names_of(interpreter, atom)
    ]
    read = {*names, *states_read}
    producers = interpreter.scope.producers
    last = max((producers[name] for name in read if name in producers), default=-1)
    if not read.isdisjoint(_downstream(interpreter, recurrence, last)):
        raise FeedsBackError("the input of a step hangs on the state of another: the loop feeds back")


def _downstream(interpreter: Interpreter, recurrence: Recurrence, last: int) -> set[str]:
    """Return every value that hangs on a state of a recurrence, of those that nodes up to an index make."""
    states = [
        interpreter.named_tensors[cell.state].name
        for cell in recurrence.cells
        if cell.state in interpreter.named_tensors
    ]
    scope = interpreter.scope
    outputs = scope.columns.outputs
    found, pending = set(states), states
    while pending:
        for index in scope.readers.get(pending.pop(), ()):
            if index > last:
                break  # they are in order
            new = [name for name in outputs[index] if name and name not in found]
            found.update(new)
            pending += new
    return found
