"""What every form ends with: Y and Y_h in the node's shape, with zeros past the lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.passes.lower_gru.forms import sequence_lens_masks
from gru_lower.passes.lower_gru.forms.input_projection import as_steps
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.mask import Mask
    from gru_lower.passes.lower_gru.variant import Variant


def filled_steps(e: Emitter, v: Variant, x: Value, rows: Value, width: int, name: str) -> Value:
    """Reshape [T·B, width] to [T, B, width], where T is not 0 unless B is known."""
    if v.seq_length is not None:
        return e.reshape(rows, [v.seq_length, -1, width], name)
    return as_steps(e, v, x, rows, name, width)


def valid_steps(
    e: Emitter, v: Variant, x: Value, mask: Mask | None, y: Value, name: str, *, may_be_empty: bool = False
) -> Value:
    """Return [T, B, H] with zeros past the lengths.

    Args:
        e: Where to write.
        v: The variant.
        x: X with time first.
        mask: The mask, or ``None`` without sequence_lens.
        y: The states, [T, B, H].
        name: What to call the result.
        may_be_empty: Whether T may be 0. Where B is not known either, rows cannot be given their shape back.

    """
    if mask is None:
        return y
    keeps_shape = may_be_empty and v.seq_length is None and not v.batch_size
    if keeps_shape or not sequence_lens_masks.can_fill_by_index(e):
        return e.where(sequence_lens_masks.mask_steps(e, mask), y, 0.0, name)
    rows = e.reshape(y, [-1, v.hidden_size], f"{name}_in")
    rows = sequence_lens_masks.fill_rows(e, v, mask, [rows], zeros((v.hidden_size,)), f"{name}_rows")
    return filled_steps(e, v, x, rows, v.hidden_size, name)


def node_outputs(e: Emitter, v: Variant, mask: Mask | None, y: Value | None, states: list[Value]) -> dict[str, Value]:
    """Return the node's outputs in its shape.

    Args:
        e: Where to write.
        v: The variant.
        mask: The mask, or ``None`` without sequence_lens.
        y: All states, [T, D, B, H], zeros past the lengths, or ``None`` where Y is not asked for.
        states: The last state of each direction, [B, H].

    Returns:
        Y and Y_h, of those that are asked for.

    """
    results = {}
    if y is not None:
        results["Y"] = e.transpose(y, [2, 0, 1, 3], "Y_batch_major") if v.layout else y
    if "Y_h" in v.wants:
        if mask is not None and mask.nonempty is not None:
            names = [f"{prefix_of(d)}last_state" for d in v.directions]
            states = [
                sequence_lens_masks.empty_to_zero(e, v, mask, s, v.hidden_size, name)
                for s, name in zip(states, names, strict=True)
            ]
        results["Y_h"] = e.stack(states, 1 if v.layout else 0, "Yh")
    return results
