"""Which nodes something wanted comes of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import node_uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import NodeProto


def needed_nodes(nodes: Sequence[NodeProto], wanted: Iterable[str]) -> list[NodeProto]:
    """Return the nodes that something wanted comes of, in order."""
    needed = set(wanted)
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node_uses(node))
    return kept[::-1]
