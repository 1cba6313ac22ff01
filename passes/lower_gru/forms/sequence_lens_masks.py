"""sequence_lens as masks: which steps of which sequences are valid, and other values in place of those that are not.

Rows are filled by index where the opset and the vocabulary have the operators for it: one row of padding is appended to
the others, and every row that is not valid is gathered from there. That is one copy a row; a Where whose condition is
broadcast along the rows takes two to five times as long. A row that is not valid is never read, NaN or not.

Opset 10 and older have no Range: what counts is NonZero there, and a Loop below opset 9
(:mod:`gru_lower.passes.lower_gru.forms.count_up`). Below opset 9 there is no Where either, and Less compares floats
only: there every choice between two rows is a Gather.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from gru_lower.graph.bounded_arrays import counted
from gru_lower.passes.lower_gru.forms import row_choices
from gru_lower.passes.lower_gru.forms.count_up import count_up
from gru_lower.passes.lower_gru.forms.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


Array = np.ndarray[Any, np.dtype[Any]]
RANGE, BY_INDEX = 11, ("Concat", "Gather", "Range", "Size")
"""The opset from which Range is there, and the operators that filling by index takes."""
WHERE = 9
"""The opset from which Where is there, and Less for whole numbers."""


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
    mask = _mask_of_bools(e, v, x)
    if not v.multiplies:
        return mask

    return Mask(e.op("Cast", [mask.valid], "valid_number", to=v.elem_type), mask.nonempty)


def can_multiply(v: Variant) -> bool:
    """Whether products with 1 and 0 may choose states: there is a Where for bools to replace, and all is finite."""
    return v.opset >= WHERE and not any(d.g.can_be_large for d in v.directions)


def _mask_of_bools(e: Emitter, v: Variant, x: Value) -> Mask:
    lens = e.value("sequence_lens")
    if v.seq_length is None:
        # Cast after Range: a length in int64 is what tract keeps as a symbol.
        steps = _step_numbers(e, v, x)
        time = e.unsqueeze(e.op("Cast", [steps], "t_int32", to=TensorProto.INT32), [1], "t_column")
    else:
        time = e.tensor("t", counted(0, v.seq_length)[:, None], TensorProto.INT32)
    valid = e.op("Less", [time, lens], "valid")
    nonempty = None
    if needs_nonempty(v):
        above = e.op("Less", [e.tensor("no_step", 0, TensorProto.INT32), lens], "nonempty")
        if v.multiplies:  # a column of numbers: Ethos-U reshapes no bools
            above = e.op("Cast", [above], "nonempty_number", to=v.elem_type)
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
        time = e.tensor("t_column", counted(0, v.seq_length)[:, None], TensorProto.FLOAT)
    nonempty = (
        e.op("Less", [e.tensor("no_step", 0, TensorProto.FLOAT), lens], "nonempty") if needs_nonempty(v) else None
    )
    return Mask(e.op("Less", [time, lens], "valid"), nonempty, steps, row_choices.sequence_numbers(e, v, x))


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
        return row_choices.pick(
            e, e.tensor("padding", other[None]), pieces[0], row_choices.own_or_first_row(e, v, mask), name
        )
    if v.multiplies:  # states, whose padding is zeros
        return e.op("Mul", [pieces[0], mask_rows(e, mask)], name)
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
    if v.multiplies:
        return e.op("Mul", [state, mask.nonempty], name)
    if e.opset >= WHERE:
        return e.where(mask.nonempty, state, 0.0, name)
    choice = e.shared(
        "choice of nonempty", lambda: row_choices.own_or_first(e, v, mask, mask.nonempty, "nonempty_choice")
    )
    return row_choices.state_or_zero(e, state, choice, width, name)


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
    return row_choices.pick(e, old, new, choice, name)


def choices_of_steps(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return what each step chooses its states by: [T, B, 1] bool, or rows of old and new ones, [T, B] int64."""
    return mask_steps(e, mask) if e.opset >= WHERE else row_choices.new_or_old_row(e, v, mask)


def choices_of_rows(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the same with the first two axes laid together."""
    if e.opset >= WHERE:
        return mask_rows(e, mask)
    return e.reshape(row_choices.new_or_old_row(e, v, mask), [-1], "chosen_rows")


def mask_steps(e: Emitter, mask: Mask) -> Value:
    """Return the mask as [T, B, 1]."""
    return e.shared(f"steps {mask.valid.name}", lambda: e.unsqueeze(mask.valid, [2], "mask_steps"))


def mask_rows(e: Emitter, mask: Mask) -> Value:
    """Return the mask as [T·B, 1]."""
    return e.shared(f"rows {mask.valid.name}", lambda: e.reshape(mask.valid, [-1, 1], "mask_rows"))


def _index(e: Emitter, v: Variant, valid: Value) -> Value:
    """Return the index of each valid row, and that of the padding after all rows for the others, [T·B] int64."""
    flat = e.reshape(valid, [-1], "mask_flat")
    if v.seq_length is not None and v.batch_size is not None:
        count = e.tensor("count", v.seq_length * v.batch_size, TensorProto.INT64)
    else:
        count = e.op("Size", [flat], "count")
    start, step = e.tensor("first_row", 0, TensorProto.INT64), e.tensor("next_row", 1, TensorProto.INT64)
    return e.op("Where", [flat, e.op("Range", [start, count, step], "rows"), count], "valid_rows")
