"""Nodes of a graph column by column: what checks and rules read of each, read once.

protobuf makes a new object for a node, and for its inputs, each time it is asked for them; in models of a hundred
thousand nodes that is most of the time.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.garbage_collection import without_garbage_collection

if TYPE_CHECKING:
    from onnx import NodeProto


class NodeColumns(NamedTuple):
    """Nodes in their order, and beside them what is asked of them most.

    Attributes:
        nodes: The nodes.
        op_types: Their operators.
        domains: Their domains.
        inputs: The names of their inputs.
        outputs: The names of their outputs.
        attributed: The indices of those that have attributes.

    """

    nodes: list[NodeProto]
    op_types: list[str]
    domains: list[str]
    inputs: list[list[str]]
    outputs: list[list[str]]
    attributed: list[int]


def read_columns(nodes: Any) -> NodeColumns:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Read nodes; what is edited later is not seen."""
    held = list(nodes)
    with without_garbage_collection():
        return NodeColumns(
            held,
            list(map(attrgetter("op_type"), held)),
            list(map(attrgetter("domain"), held)),
            [node.input[:] for node in held],
            [node.output[:] for node in held],
            [index for index, node in enumerate(held) if node.attribute],
        )
