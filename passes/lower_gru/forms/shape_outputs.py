"""What every form ends with: Y and Y_h in the node's shape, with zeros past the lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.lower_gru.forms import sequence_lens_masks
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.sequence_lens_masks import Mask
    from gru_lower.passes.lower_gru.variant import Variant


def like_steps(e: Emitter, v: Variant, rows: Value, steps: Value, width: int, name: str) -> Value:
    """Reshape [T·B, width] to the [T, B, ...] that something else has."""
    if v.seq_length is not None:
        return e.reshape(rows, [v.seq_length, -1, width], name)
    if v.batch_size:
        return e.reshape(rows, [-1, v.batch_size, width], name)
    return e.reshape(rows, e.op("Shape", [steps], f"{name}_shape"), name)


def valid_steps(e: Emitter, v: Variant, mask: Mask | None, y: Value, name: str) -> Value:
    """Return [T, B, H] with zeros past the lengths."""
    if mask is None:
        return y
    if not sequence_lens_masks.can_fill_by_index(e):
        return e.where(sequence_lens_masks.mask_steps(e, mask), y, 0.0, name)
    rows = e.reshape(y, [-1, v.hidden_size], f"{name}_in")
    rows = sequence_lens_masks.fill_rows(e, v, mask, [rows], np.zeros(v.hidden_size), f"{name}_rows")
    return like_steps(e, v, rows, y, v.hidden_size, name)


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
            states = [e.where(mask.nonempty, s, 0.0, name) for s, name in zip(states, names, strict=True)]
        results["Y_h"] = e.stack(states, 1 if v.layout else 0, "Yh")
    return results
