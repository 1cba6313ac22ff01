"""Writing sequence_lens, and what a masked row gives out that the operator does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, ReadAt
from gru_lower.passes.fuse_gru.writing.node_writer import Axis, CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.recognition.masked_rows import Lengths
    from gru_lower.passes.fuse_gru.writing.node_writer import Writer

WHERE, INTEGER_BOUNDS = 9, 12
"""The opsets from which on there are Where, and Min and Max of whole numbers."""


class Masked(NamedTuple):
    """A masked row that has been written.

    Attributes:
        lens: Its sequence_lens.
        initial: Its initial_h, ``None`` for zeros.
        mask: Of a mask that is only known at run time: (T, B), in the order of the GRU's X; else ``""``.
        begins: Returns a value that a state begins with as (1, B, H), ``None`` for zeros.

    """

    lens: str
    initial: str | None
    mask: str
    begins: Callable[[str], str | None]


def written(writer: Writer, lengths: Lengths, x: str, steps: Count, *, reverse: bool, batched: bool) -> tuple[str, str]:
    """Write sequence_lens as (B) of int32.

    Args:
        writer: Where to.
        lengths: What it is.
        x: The GRU's X.
        steps: T.
        reverse: Whether the GRU runs backwards.
        batched: Whether there may be more sequences than one.

    Returns:
        Its name, and that of the mask that was summed up, ``""`` if it was none.

    """
    if lengths.time is not None:
        mask = _mask(writer, lengths, steps, reverse=reverse)
        numbers = writer.node("Cast", [mask], "mask_numbers", to=TensorProto.INT32)
        return _summed(writer, numbers), mask
    leaf = lengths.leaf
    name, seen = writer.place(leaf)
    array = writer.algebra.constants.get(leaf.source)
    dims = writer.interpreter.dims(name) if array is None else array.shape
    if array is None:
        elem_type = writer.interpreter.facts.elem_type(writer.interpreter.scope, name)
    else:
        elem_type = int(helper.np_dtype_to_tensor_dtype(array.dtype))
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong)]
    writer.batches += [Axis(name, axis, dims[axis]) for axis in free]
    name = _picked(writer, name, seen, dims, None)
    if len(dims) != 1:
        name = writer.node("Reshape", [name, writer.ints([-1], "flat")], "lengths")
    lens = _bounded(writer, name, elem_type, lengths.shift, x, steps)
    if not free and batched:
        shape = writer.node("Shape", [x], "X_shape")
        lens = writer.node("Expand", [lens, writer.slice(shape, 0, 1, 2, "batch")], "lengths_each")
    return lens, ""


def _summed(writer: Writer, numbers: str) -> str:
    if writer.opset < 13:
        return writer.node("ReduceSum", [numbers], "sequence_lens", axes=[0], keepdims=0)
    return writer.node("ReduceSum", [numbers, writer.ints([0], "steps")], "sequence_lens", keepdims=0)


def _picked(writer: Writer, name: str, seen: list[LeafAxis], dims: tuple[Count, ...], time: int | None) -> str:
    """Read the axes that are read at one index there."""
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


def _bounded(writer: Writer, name: str, elem_type: int, shift: int, x: str, steps: Count) -> str:
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


def _mask(writer: Writer, lengths: Lengths, steps: Count, *, reverse: bool) -> str:
    """Write a mask as (T, B), true where a step is taken, in the order of the GRU's X."""
    leaf, time = lengths.leaf, lengths.time
    if time is None:
        raise AssertionError
    name, seen = writer.place(leaf)
    if leaf.source in writer.algebra.defined:
        raise CannotWriteError("its mask is computed from other steps")
    dims = writer.interpreter.dims(name)
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
    writer.batches += [Axis(name, axis, dims[axis]) for axis in free]
    lowest = lengths.first if lengths.step == 1 else lengths.first - (steps - 1)
    if (lowest, lowest + steps) != (0, dims[time]):
        if not isinstance(lowest, int) or not isinstance(steps, int):
            raise CannotWriteError("how much of its mask is read is not known")
        name = writer.slice(name, time, lowest, lowest + steps, "mask_part")
    name = _picked(writer, name, list(seen), dims, time)
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
    return writer.turned(name, steps, "mask_turned") if (lengths.step == -1) != reverse else name


def last(writer: Writer, masked: Masked, y_h: str, initial: str | None) -> str:
    """Return the state after the last step, (1, B, H): where a sequence has no steps, what it began with.

    Args:
        writer: Where to.
        masked: The row.
        y_h: The GRU's, which is 0 for a sequence of length 0.
        initial: What it begins with, (1, B, H), ``None`` for zeros.

    """
    if initial is None:
        return y_h
    if writer.opset < WHERE:
        raise CannotWriteError("where a sequence has no steps its state has to be chosen, which needs opset 9")
    some = writer.node("Greater", [masked.lens, writer.constant(np.array([0], np.int32), "none")], "steps_taken")
    return writer.node("Where", [writer.unsqueeze(some, [1], "steps_taken_each"), y_h, initial], "Y_h_or_initial")


def repeated(writer: Writer, masked: Masked, y: str, y_h: str, initial: str | None, *, reverse: bool) -> str:
    """Return Y, (T, B, H), where a masked step repeats the output of the one before instead of giving 0.

    Args:
        writer: Where to.
        masked: The row; its mask is there.
        y: The GRU's Y, (T, B, H).
        y_h: Its Y_h, (1, B, H).
        initial: What is repeated before there is an output, (1, B, H), ``None`` for zeros.
        reverse: Whether it runs backwards: its masked steps are then the first ones.

    """
    if reverse and initial is None:
        return y
    if writer.opset < WHERE or not masked.mask:
        raise CannotWriteError("masked steps repeat an output, which has to be chosen: that needs opset 9")
    other = initial if reverse else last(writer, masked, y_h, initial)
    if other is None:
        raise AssertionError
    return writer.node("Where", [writer.unsqueeze(masked.mask, [2], "mask_each"), y, other], "Y_repeated")
