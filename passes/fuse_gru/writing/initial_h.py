"""Write initial_h, the state a GRU begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState
from gru_lower.passes.fuse_gru.writing.arrange_axes import as_batch_by_features, initial_as_batch_by_features

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


def write_initial_h(writer: NodeWriter, initial: int | InitialState | None, x: str, *, batched: bool) -> str | None:
    """Write initial_h as (1, B, H); return ``None`` for zeros.

    Args:
        writer: Where to.
        initial: An atom, a value, ``None`` for zeros.
        x: The GRU's X.
        batched: Whether there may be more sequences than one.

    """
    if initial is None:
        return None
    if isinstance(initial, InitialState):
        dims = writer.interpreter.dims(initial.name)
        alone = all(dim == 1 for axis, dim in enumerate(dims) if axis != initial.axis)
        state = initial_as_batch_by_features(writer, initial, "initial_h")
    else:
        alone = writer.algebra.ranks[initial] == 0
        state = as_batch_by_features(writer, initial, "initial_h")
    initial_h = writer.unsqueeze(state, [0], "initial_h")
    return _repeated(writer, initial_h, x) if alone and batched else initial_h


def _repeated(writer: NodeWriter, initial_h: str, x: str) -> str:
    """Give every sequence the same initial state: (1, 1, H) to (1, B, H)."""
    shape = writer.node("Shape", [x], "X_shape")
    batch = writer.slice(shape, 0, 1, 2, "batch")
    times = writer.node("Concat", [writer.ints([1], "one"), batch, writer.ints([1], "one")], "times", axis=0)
    return writer.node("Tile", [initial_h, times], "initial_h_each")
