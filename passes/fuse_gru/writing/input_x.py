"""Write X, the input of a GRU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, whole
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.input_part import tensor_of
from gru_lower.passes.fuse_gru.writing.arrange_axes import View, as_batch_by_features, as_steps, view_of
from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.passes.fuse_gru.recognition.input_part import InputPart
    from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import RecurrenceInputs
    from gru_lower.passes.fuse_gru.writing.gru_outputs import GruOutputs
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


def write_x(writer: NodeWriter, inputs: RecurrenceInputs, written: Mapping[int, GruOutputs]) -> str:
    """Write X as (T, B, I), in the order in which a GRU of its direction reads it.

    Args:
        writer: Where to.
        inputs: What the recurrence reads.
        written: The outputs of the recurrences that have been written.

    Raises:
        CannotWriteError: It takes more than the graph has.

    """
    single_values_last = sorted(inputs.parts, key=lambda part: part.time is None and part.recurrence is None)
    names: list[str] = []
    for part in single_values_last:
        if part.recurrence is not None:
            name, step = _from_states(writer, part, written[part.recurrence]), part.step
        elif part.time is not None:
            name, step = _from_tensor(writer, part, inputs.count_name), part.step
        elif len(part.atoms) > 1 or part.count == 1:
            each = [writer.unsqueeze(as_batch_by_features(writer, atom, "x"), [0], "x") for atom in part.atoms]
            name, step = writer.concat(each, 0, "X"), 1
        else:
            name, step = _same_in_every_step(writer, part, names), -1 if inputs.reverse else 1
        if (step == -1) != inputs.reverse:
            name = writer.reverse(name, part.count, "X_turned")
        names.append(name)
    by_part = dict(zip((part.atoms for part in single_values_last), names, strict=True))
    return writer.concat([by_part[part.atoms] for part in inputs.parts], 2, "X")


def _same_in_every_step(writer: NodeWriter, part: InputPart, others: Sequence[str]) -> str:
    """Write a part that is one value in every step; how many steps there are is read from another part."""
    once = writer.unsqueeze(as_batch_by_features(writer, part.atoms[0], "x"), [0], "x")
    if isinstance(part.count, int):
        return writer.node("Tile", [once, writer.ints([part.count, 1, 1], "repeats")], "X_repeated")
    if not others:
        raise CannotWriteError("no input changes from step to step")
    shape = writer.node("Shape", [others[0]], "X_shape")
    length = writer.slice(shape, 0, 0, 1, "T")
    repeats = writer.node("Concat", [length, writer.ints([1, 1], "ones")], "repeats", axis=0)
    return writer.node("Tile", [once, repeats], "X_repeated")


def _from_states(writer: NodeWriter, part: InputPart, other: GruOutputs) -> str:
    """Write a part that is another recurrence's states, from the first to the last."""
    name = writer.squeeze(other.y, [1], "X")
    if part.count == other.steps:
        return writer.reverse(name, other.steps, "X_turned") if other.reverse else name
    first, last = part.index_range
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(other.steps, int):
        raise CannotWriteError("a part of another GRU's states is read")
    if other.reverse:
        first, last = other.steps - last, other.steps - first
    name = writer.slice(name, 0, first, last, "X_part")
    # A GRU that runs backwards has its first state last.
    return writer.reverse(name, part.count, "X_turned") if other.reverse else name


def _from_tensor(writer: NodeWriter, part: InputPart, count_name: str) -> str:
    """Write a part that is read from one tensor along its axis of time, in the tensor's order."""
    leaf = writer.algebra.atoms[part.atoms[0]]
    assert isinstance(leaf, Leaf)
    assert part.time is not None
    source_name, seen = view_of(writer, leaf)
    name = source_name
    _, time = tensor_of(writer.interpreter, part)
    dims = writer.interpreter.dims(name)
    first, last = part.index_range
    if (first, last) != (0, dims[time]):
        if isinstance(first, int) and isinstance(last, int):
            name = writer.slice(name, time, first, last, "x_part")
        elif first == 0 and count_name:
            name = writer.slice_to(name, time, count_name, "x_part")
        else:
            raise CannotWriteError("how much of the input is read is not known")
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
    writer.batches += [BatchAxis(source_name, axis, dims[axis]) for axis in free]
    seen[time] = whole(-1)
    return as_steps(writer, View(name, seen), dims, leaf, time, "X")
