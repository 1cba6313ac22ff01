"""An input of several stretches that some value of the graph is as a whole, such as the states of both directions.

Y = Concat(Y_forward, Y_reverse)        the layer above reads Y: all of its features, forwards or backwards
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, FreeAxis
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError, TooLargeError
from gru_lower.passes.fuse_gru.algebra.views import at_index
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.input_part import InputPart
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence


class WholeInput(NamedTuple):
    """A value of the graph that is Xt in every step.

    Attributes:
        name: Its name.
        time: Its axis of time.
        reverse: Whether the first step reads its last index.

    """

    name: str
    time: int
    reverse: bool


def find_whole_input(interpreter: Interpreter, recurrence: Recurrence, parts: Sequence[InputPart]) -> WholeInput | None:
    """Return the value that an input is whose stretches are not all read in one direction; ``None`` if there is none.

    Args:
        interpreter: The scope.
        recurrence: The recurrence.
        parts: The stretches of its input.

    """
    if len({part.step for part in parts}) == 1:
        return None
    widths = [interpreter.algebra.widths[atom] for atom in recurrence.last_cell.x]
    for name, known in interpreter.values.items():
        if not isinstance(known, PolyTensor) or [width for width, _ in known.pieces] != widths:
            continue
        if FEATURES not in known.axes or name not in interpreter.scope.producers:
            continue
        for axis, kind in enumerate(known.axes):
            if isinstance(kind, FreeAxis) and known.dims[axis] == recurrence.steps:
                for reverse in (False, True):
                    if _is_read(interpreter, recurrence, known, kind.label, reverse=reverse):
                        return WholeInput(name, axis, reverse)
    return None


def _is_read(interpreter: Interpreter, recurrence: Recurrence, value: PolyTensor, label: int, *, reverse: bool) -> bool:
    """Whether a value at the index of a step is what the step reads, in all steps."""
    algebra = interpreter.algebra
    try:
        read = [
            (at_index(algebra, poly, label, index), atom)
            for (index, cell) in zip(_indices(recurrence, reverse=reverse), recurrence.cells, strict=True)
            for (_, poly), atom in zip(value.pieces, cell.x, strict=True)
        ]
    except (NotUnderstoodError, TooLargeError):
        return False
    return all(algebra.atom_of.get(poly, poly) is algebra.poly_of(atom) for poly, atom in read)


def _indices(recurrence: Recurrence, *, reverse: bool) -> list[Count]:
    """Return the index that each step reads; a loop has one step."""
    count = recurrence.steps
    steps: list[Count] = list(range(len(recurrence.cells)))
    if recurrence.loop is not None:
        steps = [recurrence.loop.counter]
    return [count - 1 - step if reverse else step for step in steps]
