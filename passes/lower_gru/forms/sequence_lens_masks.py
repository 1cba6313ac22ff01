"""sequence_lens as masks: which steps of which sequences are valid, and other values in place of those that are not.

Rows are filled by index where the opset and the vocabulary have the operators for it: one row of padding is appended to
the others, and every row that is not valid is gathered from there. That is one copy a row; a Where whose condition is
broadcast along the rows takes two to five times as long. A row that is not valid is never read, NaN or not.

Opset 10 and older have no Range: what counts is NonZero there, and a Loop below opset 9
(:mod:`gru_lower.passes.lower_gru.forms.count_up`). Below opset 9 there is no Where either, and Less compares floats
only: there every choice between two rows is a Gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from gru_lower.passes.lower_gru.forms.count_up import count_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


Array = np.ndarray[Any, np.dtype[Any]]
RANGE, BY_INDEX = 11, ("Concat", "Gather", "Range", "Size")
"""The opset from which Range is there, and the operators that filling by index takes."""
WHERE = 9
"""The opset from which Where is there, and Less for whole numbers."""


@dataclass(frozen=True)
class Mask:
    """Which steps of which sequences are valid.

    Attributes:
        valid: [T, B] bool.
        nonempty: Which sequences have any step, [B, 1] bool, or [B] below opset 9; ``None`` where no output depends
            on it.
        steps: The numbers of the steps, [T] int64, where an index is made of them: below opset 9.
        sequences: The numbers of the sequences, [B] int64, likewise.

    """

    valid: Value
    nonempty: Value | None
    steps: Value | None = None
    sequences: Value | None = None


def needs_nonempty(v: Variant) -> bool:
    """Whether the last state of a sequence of length 0 has to be set: the recurrence leaves initial_h there."""
    return "initial_h" in v.has and "Y_h" in v.wants and bool(v.mask) and v.zero_length_state == "zero"


def make_mask(e: Emitter, v: Variant, x: Value) -> Mask:
    """Compute the masks of a GRU with sequence_lens.

    Args:
        e: Where to write.
        v: The variant.
        x: X with time first.

    """
    if e.opset < WHERE:
        return _mask_of_floats(e, v, x)
    lens = e.value("sequence_lens")
    if v.seq_length is None:
        # Cast after Range: a length in int64 is what tract keeps as a symbol.
        steps = _step_numbers(e, v, x)
        time = e.unsqueeze(e.op("Cast", [steps], "t_int32", to=TensorProto.INT32), [1], "t_column")
    else:
        time = e.tensor("t", np.arange(v.seq_length)[:, None], TensorProto.INT32)
    valid = e.op("Less", [time, lens], "valid")
    nonempty = None
    if needs_nonempty(v):
        above = e.op("Less", [e.tensor("no_step", 0, TensorProto.INT32), lens], "nonempty")
        nonempty = e.unsqueeze(above, [1], "nonempty_column")
    return Mask(valid, nonempty)


def _step_numbers(e: Emitter, v: Variant, x: Value) -> Value:
    if e.opset < RANGE:
        return count_up(e, v, e.dim(x, 0, "length"), "t")
    one, zero = e.tensor("one_step", 1, TensorProto.INT64), e.tensor("first_step", 0, TensorProto.INT64)
    return e.op("Range", [zero, e.squeeze(e.dim(x, 0, "length"), [0], "length_scalar"), one], "t")


def _mask_of_floats(e: Emitter, v: Variant, x: Value) -> Mask:
    """Compute the masks where Less takes floats only: as float32, exact up to 2^24 steps."""
    lens = e.op("Cast", [e.value("sequence_lens")], "sequence_lens_float", to=TensorProto.FLOAT)
    if v.seq_length is None:
        steps = _step_numbers(e, v, x)
        time = e.unsqueeze(e.op("Cast", [steps], "t_float", to=TensorProto.FLOAT), [1], "t_column")
    else:
        steps = e.ints("t", range(v.seq_length))
        time = e.tensor("t_column", np.arange(v.seq_length)[:, None], TensorProto.FLOAT)
    nonempty = (
        e.op("Less", [e.tensor("no_step", 0, TensorProto.FLOAT), lens], "nonempty") if needs_nonempty(v) else None
    )
    return Mask(e.op("Less", [time, lens], "valid"), nonempty, steps, sequence_numbers(e, v, x))


def sequence_numbers(e: Emitter, v: Variant, x: Value) -> Value:
    """Return 0, 1, ..., B - 1, [B] int64."""
    if v.batch_size is not None:
        return e.ints("sequence_numbers", range(v.batch_size))
    return e.shared("sequence numbers", lambda: count_up(e, v, e.dim(x, 1, "batch"), "sequence_numbers"))


def can_fill_by_index(e: Emitter) -> bool:
    """Whether rows can be filled by index here, more rows than one for each step and sequence included."""
    return e.opset >= RANGE and all(e.vocabulary.has(op_type) for op_type in BY_INDEX)


def fill_rows(
    e: Emitter,
    v: Variant,
    mask: Mask,
    pieces: Sequence[Value],
    other: Array,
    name: str,
    offset: Value | None = None,
) -> Value:
    """Return rows with padding in the place of each that is not valid, [T·B, width].

    Args:
        e: Where to write.
        v: The variant.
        mask: Which rows are valid.
        pieces: The rows: [T·B, width] when joined; more than one, or more rows, only with
            :func:`can_fill_by_index`.
        other: The padding, [width].
        name: What to call the result.
        offset: How many rows there are before the first one that is kept, [1] int64.

    """
    if e.opset < WHERE:
        return _pick(e, e.tensor("padding", other[None]), pieces[0], _own_or_first_row(e, v, mask), name)
    if not can_fill_by_index(e):
        # A scalar where that serves: MNN reads beyond a row that is broadcast beside a column of conditions.
        padding = e.tensor("padding", other[0] if (other == other[0]).all() else other[None])
        return e.op("Where", [mask_rows(e, mask), pieces[0], padding], name)
    padding = e.tensor("padding", other[None])
    rows = e.op("Concat", [*pieces, padding], f"{name}_and_padding", axis=0)
    index = e.shared(f"index {mask.valid.name}", lambda: _index(e, v, mask.valid))
    if offset is not None:
        index = e.op("Add", [index, offset], f"{name}_index")
    return e.op("Gather", [rows, index], name, axis=0)


def empty_to_zero(e: Emitter, v: Variant, mask: Mask, state: Value, width: int, name: str) -> Value:
    """Return the last states [B, width] with zeros for the sequences of length 0."""
    if e.opset >= WHERE:
        return e.where(mask.nonempty, state, 0.0, name)
    choice = e.shared("choice of nonempty", lambda: _own_or_first(e, v, mask, mask.nonempty, "nonempty_choice"))
    return state_or_zero(e, state, choice, width, name)


def state_or_zero(e: Emitter, state: Value, choice: Value, width: int, name: str) -> Value:
    """Return states [B, width] with zeros for the sequences that are not valid; below opset 9.

    Args:
        e: Where to write.
        state: [B, width].
        choice: A step of what :func:`zeros_of_steps` gave.
        width: How wide a state is.
        name: What to call the result.

    """
    return _pick(e, e.tensor("zero_row", np.zeros((1, width))), state, choice, name)


def new_or_old(e: Emitter, new: Value, old: Value, choice: Value, name: str) -> Value:
    """Return the new state of the sequences whose step is valid, and the old state of the others.

    Args:
        e: Where to write.
        new: [B, H].
        old: [B, H], or a scalar from opset 9 on.
        choice: A step of what :func:`choices_of_steps` or :func:`choices_of_rows` gave.
        name: What to call the result.

    """
    if e.opset >= WHERE:
        return e.op("Where", [choice, new, old], name)
    return _pick(e, old, new, choice, name)


def choices_of_steps(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return what each step chooses its states by: [T, B, 1] bool, or rows of old and new ones, [T, B] int64."""
    return mask_steps(e, mask) if e.opset >= WHERE else _new_or_old_row(e, v, mask)


def zeros_of_steps(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the row of each state among a row of zeros and the states, [T, B] int64; below opset 9."""
    return e.shared(f"zeros {mask.valid.name}", lambda: _own_or_first(e, v, mask, mask.valid, "zero_choice_steps"))


def choices_of_rows(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the same with the first two axes laid together."""
    if e.opset >= WHERE:
        return mask_rows(e, mask)
    return e.reshape(_new_or_old_row(e, v, mask), [-1], "chosen_rows")


def mask_steps(e: Emitter, mask: Mask) -> Value:
    """Return the mask as [T, B, 1]."""
    return e.shared(f"steps {mask.valid.name}", lambda: e.unsqueeze(mask.valid, [2], "mask_steps"))


def mask_rows(e: Emitter, mask: Mask) -> Value:
    """Return the mask as [T·B, 1]."""
    return e.shared(f"rows {mask.valid.name}", lambda: e.reshape(mask.valid, [-1, 1], "mask_rows"))


def _numbers_from_1(e: Emitter, v: Variant, mask: Mask) -> Value:
    if v.batch_size is not None:
        return e.ints("sequence_numbers_from_1", range(1, v.batch_size + 1))
    one = e.tensor("one", 1, TensorProto.INT64)
    return e.shared("numbers from 1", lambda: e.op("Add", [mask.sequences, one], "sequence_numbers_from_1"))


def _batch(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return B, [1] int64."""
    if v.batch_size is not None:
        return e.ints("batch", [v.batch_size])
    return e.shared("batch of mask", lambda: e.op("Shape", [mask.sequences], "batch"))


def _own_or_first(e: Emitter, v: Variant, mask: Mask, valid: Value, name: str) -> Value:
    """Return for each sequence 1 + its number where it is valid, and 0 elsewhere; [..., B] int64."""
    is_valid = e.op("Cast", [valid], f"{name}_valid", to=TensorProto.INT64)
    return e.op("Mul", [is_valid, _numbers_from_1(e, v, mask)], name)


def _pick(e: Emitter, first: Value, then: Value, index: Value, name: str) -> Value:
    """Return rows of two matrices, one below the other. What is not asked for is not read, NaN or not."""
    return e.op("Gather", [e.op("Concat", [first, then], f"{name}_from", axis=0), index], name, axis=0)


def _own_or_first_row(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return 1 + its own number for each valid row, and 0 for the others, [T·B] int64."""

    def index() -> Value:
        valid = e.op("Cast", [mask.valid], "valid_int64", to=TensorProto.INT64)
        return e.reshape(e.op("Mul", [valid, _own_rows(e, v, mask)], "valid_row_steps"), [-1], "valid_rows")

    return e.shared(f"index {mask.valid.name}", index)


def _own_rows(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the number of each step's and sequence's row, from 1, [T, B] int64."""
    if v.seq_length is not None and v.batch_size is not None:
        rows = np.arange(1, v.seq_length * v.batch_size + 1).reshape(v.seq_length, v.batch_size)
        return e.tensor("own_rows", rows, TensorProto.INT64)
    first = e.op("Mul", [e.unsqueeze(mask.steps, [1], "step_column"), _batch(e, v, mask)], "first_rows")
    return e.op("Add", [first, _numbers_from_1(e, v, mask)], "own_rows")


def _new_or_old_row(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the rows that states after each step are in, among the old ones and the new ones, [T, B] int64."""

    def index() -> Value:
        count = _batch(e, v, mask)
        valid = e.op("Cast", [mask.valid], "is_new", to=TensorProto.INT64)
        return e.op("Add", [e.op("Mul", [valid, count], "new_or_old"), mask.sequences], "chosen_steps")

    return e.shared(f"choices {mask.valid.name}", index)


def _index(e: Emitter, v: Variant, valid: Value) -> Value:
    """Return the index of each valid row, and that of the padding after all rows for the others, [T·B] int64."""
    flat = e.reshape(valid, [-1], "mask_flat")
    if v.seq_length is not None and v.batch_size is not None:
        count = e.tensor("count", v.seq_length * v.batch_size, TensorProto.INT64)
    else:
        count = e.op("Size", [flat], "count")
    start, step = e.tensor("first_row", 0, TensorProto.INT64), e.tensor("next_row", 1, TensorProto.INT64)
    return e.op("Where", [flat, e.op("Range", [start, count, step], "rows"), count], "valid_rows")
