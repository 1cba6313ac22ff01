"""Which forms a GRU can be lowered to at all, by its sequence length and the opset it stands in."""

from __future__ import annotations

SCAN_OPSET = 9
"""The opset from which Scan serves a GRU: in opset 8 it has a batch axis of its own."""


def possible_forms(seq_length: int | None, opset: int) -> frozenset[str]:
    """Return the forms, of ``step``, ``unroll``, ``scan`` and ``loop``.

    Args:
        seq_length: T, ``None`` where it is dynamic.
        opset: The opset of the GRU's scope.

    """
    possible = {
        "step": seq_length == 1,
        "unroll": seq_length is not None,
        "scan": opset >= SCAN_OPSET and seq_length != 0,
        "loop": seq_length != 0,
    }
    return frozenset(form for form, is_possible in possible.items() if is_possible)
