"""Sequences of length 0 and batches of 0 sequences, which decomposed GRUs take and runtimes' GRU nodes do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence

EMPTY = ("fuse", "guard", "keep")
"""What becomes of a loop that may be empty: a GRU, an If around a GRU, the loop."""
SOME_STEPS, SOME_SEQUENCES = "T >= 1", "B >= 1"


def batch_size(interpreter: Interpreter, recurrence: Recurrence) -> int | None:
    """Return how many sequences a recurrence takes, ``None`` where that is only known at run time."""
    known = interpreter.values.get(recurrence.name)
    if isinstance(known, PolyTensor) and interpreter.algebra.rank_of(recurrence.state) == 1:
        dims = [d for axis, d in zip(known.axes, known.dims, strict=True) if axis not in (CONSTANT, FEATURES)]
        return dims[-1] if dims and isinstance(dims[-1], int) else None
    return None if interpreter.algebra.rank_of(recurrence.state) else 1


def preconditions(interpreter: Interpreter, recurrence: Recurrence) -> tuple[str, ...]:
    """Return what has to hold for a GRU to run where what it replaces did."""
    found = () if isinstance(recurrence.steps, int) else (SOME_STEPS,)
    return found if batch_size(interpreter, recurrence) is not None else (*found, SOME_SEQUENCES)


def what_was_taken(interpreter: Interpreter, recurrence: Recurrence) -> str:
    """Say what empty axes a loop took in onnxruntime, ``""`` for none.

    The operator Scan takes empty sequences, too, but onnxruntime's own does not.
    """
    if recurrence.loop is None:
        return ""
    op_type = interpreter.scope.nodes[recurrence.loop.index].op_type
    needed = preconditions(interpreter, recurrence)
    kinds = ["sequences"] if SOME_STEPS in needed and op_type == "Loop" else []
    kinds += ["batches"] if SOME_SEQUENCES in needed else []
    return f"the {op_type} took empty {' and '.join(kinds)}" if kinds else ""
