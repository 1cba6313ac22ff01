"""sequence_lens as masks: which steps of which sequences are valid, and other values in place of those that are not.

Rows are filled by index where the opset and the vocabulary have the operators for it: one row of padding is appended to
the others, and every row that is not valid is gathered from there. That is one copy a row; a Where whose condition is
broadcast along the rows takes two to five times as long. A row that is not valid is never read, NaN or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


Array = np.ndarray[Any, np.dtype[Any]]
RANGE, BY_INDEX = 11, ("Concat", "Gather", "Range", "Size")
"""The opset from which Range is there, and the operators that filling by index takes."""


@dataclass(frozen=True)
class Mask:
    """Which steps of which sequences are valid.

    Attributes:
        valid: [T, B] bool.
        nonempty: [B, 1] bool, or ``None`` where no output depends on it.

    """

    valid: Value
    nonempty: Value | None


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
    lens = e.value("sequence_lens")
    if v.seq_length is None:
        # Cast after Range: a length in int64 is what tract keeps as a symbol.
        one, zero = e.tensor("one_step", 1, TensorProto.INT64), e.tensor("first_step", 0, TensorProto.INT64)
        steps = e.op("Range", [zero, e.squeeze(e.dim(x, 0, "length"), [0], "length_scalar"), one], "t")
        time = e.unsqueeze(e.op("Cast", [steps], "t_int32", to=TensorProto.INT32), [1], "t_column")
    else:
        time = e.tensor("t", [[t] for t in range(v.seq_length)], TensorProto.INT32)
    valid = e.op("Less", [time, lens], "valid")
    nonempty = None
    if needs_nonempty(v):
        above = e.op("Less", [e.tensor("no_step", 0, TensorProto.INT32), lens], "nonempty")
        nonempty = e.unsqueeze(above, [1], "nonempty_column")
    return Mask(valid, nonempty)


def can_fill_by_index(e: Emitter) -> bool:
    """Whether rows can be filled by index here."""
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
