"""Which values of a graph something comes of, and dropping the nodes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, defs, helper

from gru_lower.graph.needed_nodes import needed_nodes
from gru_lower.graph.scopes import is_onnx, node_uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import GraphProto, NodeProto

SHAPES = {"Shape", "Size"}
"""What reads of a value its dims alone."""
RECURRENCES = {"GRU", "LSTM", "RNN"}
NOTHING = TensorProto(data_type=TensorProto.FLOAT, dims=[0])
OPTIONAL = defs.OpSchema.FormalParameterOption.Optional


def needed_contents(nodes: Sequence[NodeProto], wanted: Iterable[str]) -> set[str]:
    """Return the values whose entries something wanted comes of: those of which only dims are read are none of them."""
    needed = set(wanted)
    for node in reversed(nodes):
        if needed.intersection(node.output) and not (is_onnx(node) and node.op_type in SHAPES):
            needed.update(node_uses(node))
    return needed


def drop_unused(graph: GraphProto) -> bool:
    """Drop the nodes, and the last outputs of nodes, that nothing uses; return whether there were any.

    A constant of nothing stands in the place of each such node, so that messages count the others as the model does.

    Args:
        graph: A main graph, edited in place.

    """
    wanted, nodes = {value.name for value in graph.output}, list(graph.node)
    kept = {id(node) for node in needed_nodes(nodes, wanted)}
    dropped = False
    for node in nodes:
        if id(node) not in kept and node.op_type != "Constant":
            outputs = [name for name in node.output if name][:1]
            node.CopyFrom(helper.make_node("Constant", [], outputs, node.name, value=NOTHING))
            dropped = True
    used = {name for node in graph.node for name in node_uses(node)} | wanted
    for node in nodes:
        if is_onnx(node) and node.op_type not in RECURRENCES and len(node.output) > 1 and defs.has(node.op_type):
            declared = defs.get_schema(node.op_type).outputs
            least = sum(each.option != OPTIONAL for each in declared) if len(declared) >= len(node.output) else 0
            while least and len(node.output) > least and node.output[-1] not in used:
                del node.output[-1]
                dropped = True
    return dropped
