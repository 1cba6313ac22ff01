"""What is cut off a value's end before anything else reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.stream.needed_nodes import SHAPES
from gru_lower.passes.stream.operators.slices import read_slice

if TYPE_CHECKING:
    from gru_lower.passes.stream.streamer import Streamer


def cropped_at_end(streamer: Streamer, name: str) -> int:
    """Return how many of a value's last frames nobody reads: all that read it are Slices that end before them."""
    users = [node for node in streamer.scope.nodes if name in node.input]
    if streamer.scope.uses[name] != len(users):
        return 0
    users = [node for node in users if not (is_onnx(node) and node.op_type in SHAPES)]
    if not users:
        return 0
    grown = streamer.known.grows(name)
    crops: list[int] = []
    for user in users:
        cut = read_slice(streamer, user) if is_onnx(user, "Slice") else None
        if cut is None:
            return 0
        crops.append(min((each.from_end for axis, each in cut.items() if axis in grown), default=0))
    return min(crops)
