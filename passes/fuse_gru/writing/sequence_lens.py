"""Write sequence_lens from lengths or from a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, ReadAt
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.writing.arrange_axes import view_of
from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.recognition.sequence_lens_of_mask import SequenceLens
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter

INTEGER_BOUNDS = 12
"""The opset from which on there are Min and Max of whole numbers."""


class WrittenSequenceLens(NamedTuple):
    """What has been written of a recurrence's sequence_lens.

    Attributes:
        lens: Its name, (B).
        mask: Of a mask that is only known at run time: (T, B), in the order of the GRU's X; else ``""``.

    """

    lens: str
    mask: str


def write_sequence_lens(
    writer: NodeWriter, lengths: SequenceLens, x: str, steps: Count, *, reverse: bool, batched: bool
) -> WrittenSequenceLens:
    """Write sequence_lens as (B) of int32.

    Args:
        writer: Where to.
        lengths: Where it comes from.
        x: The GRU's X.
        steps: T.
        reverse: Whether the GRU runs backwards.
        batched: Whether there may be more sequences than one.

    Raises:
        CannotWriteError: The graph has it not in a form that can be read.

    """
    if lengths.time is not None:
        mask = _mask(writer, lengths, steps, reverse=reverse)
        numbers = writer.node("Cast", [mask], "mask_numbers", to=TensorProto.INT32)
        return WrittenSequenceLens(_summed(writer, numbers), mask)
    leaf = lengths.leaf
    name, seen = view_of(writer, leaf)
    array = writer.algebra.constants.get(leaf.source)
    dims = writer.interpreter.dims(name) if array is None else array.shape
    if array is None:
        elem_type = writer.interpreter.facts.elem_type(writer.interpreter.scope, name)
    else:
        elem_type = int(helper.np_dtype_to_tensor_dtype(array.dtype))
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong)]
    writer.batches += [BatchAxis(name, axis, dims[axis]) for axis in free]
    name = _at_indices(writer, name, seen, dims, None)
    if len(dims) != 1:
        name = writer.node("Reshape", [name, writer.ints([-1], "flat")], "lengths")
    lens = _bounded(writer, name, elem_type, lengths.shift, x, steps)
    if not free and batched:
        shape = writer.node("Shape", [x], "X_shape")
        lens = writer.node("Expand", [lens, writer.slice(shape, 0, 1, 2, "batch")], "lengths_each")
    return WrittenSequenceLens(lens, "")


def _summed(writer: NodeWriter, numbers: str) -> str:
    if writer.opset < 13:
        return writer.node("ReduceSum", [numbers], "sequence_lens", axes=[0], keepdims=0)
    return writer.node("ReduceSum", [numbers, writer.ints([0], "steps")], "sequence_lens", keepdims=0)


def _at_indices(writer: NodeWriter, name: str, seen: list[LeafAxis], dims: tuple[Count, ...], time: int | None) -> str:
    """Slice the axes that are read at one index; check that all others but the batch are of length 1."""
    for axis, entry in enumerate(seen):
        if axis != time and isinstance(entry, ReadAlong) and not entry.reads_all:
            raise CannotWriteError("its mask's batch axis is read in another order")
        if axis != time and isinstance(entry, ReadAt) and dims[axis] != 1:
            if not isinstance(entry.position, int):
                raise CannotWriteError("its lengths hang on a counter")
            name = writer.slice(name, axis, entry.position, entry.position + 1, "lengths")
    if sum(isinstance(entry, ReadAlong) for axis, entry in enumerate(seen) if axis != time) > 1:
        raise CannotWriteError("its mask has more than one batch axis")
    return name


def _bounded(writer: NodeWriter, name: str, elem_type: int, shift: int, x: str, steps: Count) -> str:
    """Bring lengths between 0 and T, where the nodes that were there took any number, and the operator does not."""
    kind = elem_type
    if kind in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16):
        name = writer.node("Ceil", [name], "lengths_whole")
    elif writer.opset < INTEGER_BOUNDS or kind not in (TensorProto.INT32, TensorProto.INT64):
        kind = TensorProto.INT64 if writer.opset >= INTEGER_BOUNDS else TensorProto.FLOAT
        name = writer.node("Cast", [name], "lengths_cast", to=kind)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    if shift:
        name = writer.node("Add", [name, writer.constant(np.array([shift], dtype), "shift")], "lengths_shifted")
    if isinstance(steps, int):
        most = writer.constant(np.array([steps], dtype), "T")
    else:
        shape = writer.node("Shape", [x], "X_shape")
        most = writer.slice(shape, 0, 0, 1, "T")
        if kind != TensorProto.INT64:
            most = writer.node("Cast", [most], "T_cast", to=kind)
    name = writer.node("Min", [name, most], "lengths_within")
    name = writer.node("Max", [name, writer.constant(np.array([0], dtype), "none")], "lengths_bounded")
    return name if kind == TensorProto.INT32 else writer.node("Cast", [name], "sequence_lens", to=TensorProto.INT32)


def _mask(writer: NodeWriter, lengths: SequenceLens, steps: Count, *, reverse: bool) -> str:
    """Write a mask as (T, B), true where a step is taken, in the order of the GRU's X."""
    leaf, time = lengths.leaf, lengths.time
    if time is None:
        raise AssertionError
    name, seen = view_of(writer, leaf)
    if leaf.source in writer.algebra.definitions:
        raise CannotWriteError("its mask is computed from other steps")
    dims = writer.interpreter.dims(name)
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
    writer.batches += [BatchAxis(name, axis, dims[axis]) for axis in free]
    lowest = lengths.first if lengths.step == 1 else lengths.first - (steps - 1)
    if (lowest, lowest + steps) != (0, dims[time]):
        if not isinstance(lowest, int) or not isinstance(steps, int):
            raise CannotWriteError("how much of its mask is read is not known")
        name = writer.slice(name, time, lowest, lowest + steps, "mask_part")
    name = _at_indices(writer, name, list(seen), dims, time)
    rest = [axis for axis in range(len(seen)) if axis not in (*free, time)]
    batch = free or rest[:1]
    extra = [axis for axis in rest if axis not in batch]
    if not batch:
        raise CannotWriteError("its mask has no batch axis")
    name = writer.transpose(name, [time, *batch, *extra], "mask_ordered")
    if extra:
        name = writer.squeeze(name, range(2, 2 + len(extra)), "mask")
    if not lengths.live:
        name = writer.node("Not", [name], "mask_live")
    return writer.reverse(name, steps, "mask_turned") if (lengths.step == -1) != reverse else name
