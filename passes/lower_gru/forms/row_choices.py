"""Choices between two rows where there is no Where, below opset 9: numbers of rows, and Gathers of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.bounded_arrays import counted, zeros
from gru_lower.passes.lower_gru.forms.count_up import count_up

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.mask import Mask
    from gru_lower.passes.lower_gru.variant import Variant


def state_or_zero(e: Emitter, state: Value, choice: Value, width: int, name: str) -> Value:
    """Return states [B, width] with zeros for the sequences that are not valid; below opset 9.

    Args:
        e: Where to write.
        state: [B, width].
        choice: A step of what :func:`zeros_of_steps` gave.
        width: How wide a state is.
        name: What to call the result.

    """
    return pick(e, e.tensor("zero_row", zeros((1, width))), state, choice, name)


def zeros_of_steps(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the row of each state among a row of zeros and the states, [T, B] int64; below opset 9."""
    return e.shared(f"zeros {mask.valid.name}", lambda: own_or_first(e, v, mask, mask.valid, "zero_choice_steps"))


def _numbers_from_1(e: Emitter, v: Variant, mask: Mask) -> Value:
    if v.batch_size is not None:
        return e.ints("sequence_numbers_from_1", range(1, v.batch_size + 1))
    one = e.tensor("one", 1, TensorProto.INT64)
    return e.shared("numbers from 1", lambda: e.op("Add", [mask.sequences, one], "sequence_numbers_from_1"))


def own_or_first(e: Emitter, v: Variant, mask: Mask, valid: Value, name: str) -> Value:
    """Return for each sequence 1 + its number where it is valid, and 0 elsewhere; [..., B] int64."""
    is_valid = e.op("Cast", [valid], f"{name}_valid", to=TensorProto.INT64)
    return e.op("Mul", [is_valid, _numbers_from_1(e, v, mask)], name)


def pick(e: Emitter, first: Value, then: Value, index: Value, name: str) -> Value:
    """Return rows of two matrices, one below the other. What is not asked for is not read, NaN or not."""
    return e.op("Gather", [e.op("Concat", [first, then], f"{name}_from", axis=0), index], name, axis=0)


def own_or_first_row(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return 1 + its own number for each valid row, and 0 for the others, [T·B] int64."""

    def index() -> Value:
        valid = e.op("Cast", [mask.valid], "valid_int64", to=TensorProto.INT64)
        return e.reshape(e.op("Mul", [valid, _own_rows(e, v, mask)], "valid_row_steps"), [-1], "valid_rows")

    return e.shared(f"index {mask.valid.name}", index)


def _own_rows(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the number of each step's and sequence's row, from 1, [T, B] int64."""
    if v.seq_length is not None and v.batch_size is not None:
        rows = counted(1, v.seq_length * v.batch_size + 1).reshape(v.seq_length, v.batch_size)
        return e.tensor("own_rows", rows, TensorProto.INT64)
    first = e.op("Mul", [e.unsqueeze(mask.steps, [1], "step_column"), _batch(e, v, mask)], "first_rows")
    return e.op("Add", [first, _numbers_from_1(e, v, mask)], "own_rows")


def _batch(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return B, [1] int64."""
    if v.batch_size is not None:
        return e.ints("batch", [v.batch_size])
    return e.shared("batch of mask", lambda: e.op("Shape", [mask.sequences], "batch"))


def new_or_old_row(e: Emitter, v: Variant, mask: Mask) -> Value:
    """Return the rows that states after each step are in, among the old ones and the new ones, [T, B] int64."""

    def index() -> Value:
        count = _batch(e, v, mask)
        valid = e.op("Cast", [mask.valid], "is_new", to=TensorProto.INT64)
        return e.op("Add", [e.op("Mul", [valid, count], "new_or_old"), mask.sequences], "chosen_steps")

    return e.shared(f"choices {mask.valid.name}", index)


def sequence_numbers(e: Emitter, v: Variant, x: Value) -> Value:
    """Return 0, 1, ..., B - 1, [B] int64."""
    if v.batch_size is not None:
        return e.ints("sequence_numbers", range(v.batch_size))
    return e.shared("sequence numbers", lambda: count_up(e, v, e.dim(x, 1, "batch"), "sequence_numbers"))
