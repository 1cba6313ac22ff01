"""Rows of steps whose inputs hang on the states of those before: each step is a GRU of sequence length 1 of its own.

A cell, something made of its state, the same cell again: GatedGraphConv passes messages between its steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError, FeedsBackError
from gru_lower.passes.fuse_gru.recognition.nested_loop_inputs import with_inputs
from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import find_inputs
from gru_lower.passes.fuse_gru.recognition.states_in_values import atoms_of_states

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence


def with_separate_steps(interpreter: Interpreter, recurrences: list[Recurrence]) -> list[Recurrence]:
    """Return recurrences with one for each step where the steps of one feed each other.

    Args:
        interpreter: The scope.
        recurrences: Its recurrences.

    """
    places = atoms_of_states(interpreter.algebra, recurrences)
    found: list[Recurrence] = []
    for number, recurrence in enumerate(recurrences):
        steps = [recurrence]
        if recurrence.loop is None and len(recurrence.cells) > 1 and not recurrence.masks:
            try:
                find_inputs(interpreter, recurrences, number, places)
            except FeedsBackError:
                steps = [_alone(interpreter, recurrence, cell) for cell in recurrence.cells]
            except CannotWriteError:
                pass  # which is found once more, and said, where the inputs are kept
        found += steps
    return found


def _alone(interpreter: Interpreter, recurrence: Recurrence, cell: Cell) -> Recurrence:
    """Return one step of a recurrence as one of its own; what a step from zeros does not read, another one says."""
    last = recurrence.last_cell
    if cell.previous is None:
        own = dict(zip(last.x, cell.x, strict=True))
        cell = replace(with_inputs(last, own), state=cell.state, previous=None)
    name = interpreter.named_tensors[cell.state].name
    return replace(recurrence, cells=(cell,), steps=1, initial=cell.previous, name=name, last_state=None)
