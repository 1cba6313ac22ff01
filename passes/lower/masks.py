"""sequence_lens as masks: which steps of which sequences are valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import TensorProto

if TYPE_CHECKING:
    from gru_lower.passes.lower.emit import Emitter, Value
    from gru_lower.passes.lower.variant import Variant


@dataclass(frozen=True)
class Mask:
    """Which steps of which sequences are valid.

    Attributes:
        steps: [T, B, 1] bool.
        rows: [T·B, 1] bool.
        nonempty: [B, 1] bool, or ``None`` where no output depends on it.

    """

    steps: Value
    rows: Value
    nonempty: Value | None


def needs_nonempty(v: Variant) -> bool:
    """Whether the last state of a sequence of length 0 is something else than the recurrence leaves."""
    return "initial_h" in v.has and "Y_h" in v.wants and bool(v.mask) and v.zero_length_state == "zero"


def mask(e: Emitter, v: Variant, x: Value) -> Mask:
    """Compute the masks of a GRU with sequence_lens.

    Args:
        e: Where to.
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
    return Mask(e.unsqueeze(valid, [2], "mask_steps"), e.reshape(valid, [-1, 1], "mask_rows"), nonempty)


def closed(e: Emitter, rows: Value) -> Value:
    """Return 0 for each valid step and -inf for the others, [T·B, 1]: adding it takes half the time of a wide Where."""
    ends = [e.tensor("open", 0.0), e.tensor("closed", float("-inf"))]
    return e.shared(f"closed {rows.name}", lambda: e.op("Where", [rows, *ends], "closed_steps"))
