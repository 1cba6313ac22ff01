"""Write X, the input of a GRU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, ReadAlong
from gru_lower.passes.fuse_gru.algebra.axes import whole as read_whole
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.input_part import tensor_of
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.writing.arrange_axes import View, as_batch_by_features, as_steps, view_of
from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.recognition.input_part import InputPart
    from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import RecurrenceInputs
    from gru_lower.passes.fuse_gru.recognition.whole_input import WholeInput
    from gru_lower.passes.fuse_gru.writing.gru_outputs import GruOutputs
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


def runs_backwards(inputs: RecurrenceInputs, written: Mapping[int, GruOutputs]) -> bool:
    """Whether a GRU runs backwards: as its mask does, or else as the steps do over every part.

    Args:
        inputs: What the recurrence reads.
        written: The outputs of the recurrences written so far: one that runs backwards has its first state last.

    """
    if inputs.sequence_lens is not None:
        return inputs.sequence_lens.backwards
    if inputs.whole is not None:
        return inputs.whole.reverse
    return all(_step(part, written) == -1 for part in inputs.parts)


def _step(part: InputPart, written: Mapping[int, GruOutputs]) -> int:
    """Return 1 where the steps read a part from its first index to its last as the graph will have it, else -1."""
    turned = part.recurrence is not None and written[part.recurrence].reverse
    return -part.step if turned else part.step


def write_x(writer: NodeWriter, inputs: RecurrenceInputs, written: Mapping[int, GruOutputs], *, reverse: bool) -> str:
    """Write X as (T, B, I), in the order in which a GRU of its direction reads it.

    Args:
        writer: Where to.
        inputs: What the recurrence reads.
        written: The outputs of the recurrences that have been written.
        reverse: Whether the GRU runs backwards.

    Raises:
        CannotWriteError: It takes more than the graph has.

    """
    if inputs.whole is not None:
        name = _from_whole(writer, inputs.whole)
        return name if inputs.whole.reverse == reverse else writer.reverse(name, inputs.parts[0].count, "X_turned")
    single_values_last = sorted(inputs.parts, key=lambda part: part.time is None and part.recurrence is None)
    names: list[str] = []
    for part in single_values_last:
        if part.recurrence is not None:
            name, step = _from_states(writer, part, written[part.recurrence]), _step(part, written)
        elif part.time is not None:
            name, step = _from_tensor(writer, part, inputs.count_name), part.step
        elif len(part.atoms) > 1 or part.count == 1:
            each = [writer.unsqueeze(as_batch_by_features(writer, atom, "x"), [0], "x") for atom in part.atoms]
            name, step = writer.concat(each, 0, "X"), 1
        else:
            name, step = _same_in_every_step(writer, part, names), -1 if reverse else 1
        if (step == -1) != reverse:
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
    """Write a part that is another recurrence's states, in the order of that one's Y."""
    name = writer.squeeze(other.y, [1], "X")
    if part.count == other.steps:
        return name
    first, last = part.index_range
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(other.steps, int):
        raise CannotWriteError("a part of another GRU's states is read")
    if other.reverse:  # its first state is the last of its Y
        first, last = other.steps - last, other.steps - first
    return writer.slice(name, 0, first, last, "X_part")


def _from_whole(writer: NodeWriter, whole: WholeInput) -> str:
    """Write a value of the graph that all of the input is."""
    known = writer.interpreter.values[whole.name]
    assert isinstance(known, PolyTensor)
    axes: list[LeafAxis] = []
    for axis, (kind, dim) in enumerate(zip(known.axes, known.dims, strict=True)):
        if kind is FEATURES:
            axes.append(FEATURES)
        elif isinstance(kind, FreeAxis):
            axes.append(read_whole(kind.label))
        elif kind is CONSTANT and dim == 1:
            axes.append(FIRST)
        else:
            raise CannotWriteError("an input's axes lie together")
        if axis != whole.time and isinstance(kind, FreeAxis):
            writer.batches.append(BatchAxis(whole.name, axis, dim))
    leaf = Leaf(None, (), 0, known.width)
    return as_steps(writer, View(whole.name, axes), known.dims, leaf, whole.time, "X")


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
    seen[time] = read_whole(-1)
    return as_steps(writer, View(name, seen), dims, leaf, time, "X")
