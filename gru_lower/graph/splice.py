"""Edits of graphs and functions: nodes are replaced by others, in the very GraphProto or FunctionProto they belong to.

A pass collects :class:`Edit` s and applies them once. Untouched messages are moved, never rebuilt,
so unknown fields, order and every byte of them survive. What an edit made dead goes with it:
initializers, value_info and quantization annotations of values that are gone, and producers that
nothing else used. What was dead before stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto

from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.dead_code import Suspects
from gru_lower.graph.node_order import GONE, is_in_order, sort_and_cut, sort_nodes
from gru_lower.graph.scopes import Scope, node_uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.graph.model import Model

SOURCE_KEY = "gru_lower.source"
METADATA_IR_VERSION = 10


@dataclass
class Edit:
    """One replacement of nodes in one scope.

    Attributes:
        scope: The scope.
        removed: Indices of the nodes to remove; the doc_string and metadata_props of the first one are kept. Without
            any, nodes come first in the scope.
        nodes: The nodes in their place, in order.
        initializers: The constants the new nodes need, under unique names.
        value_info: Types of new values, as far as they are known.
        keeps_documentation: Whether the nodes take over the first removed one's doc_string and metadata_props; nodes
            that stood elsewhere in the model have their own.

    """

    scope: Scope
    removed: list[int]
    nodes: list[NodeProto]
    initializers: list[TensorProto] = field(default_factory=list)
    value_info: list[ValueInfoProto] = field(default_factory=list)
    keeps_documentation: bool = True


def apply(model: Model, edits: Iterable[Edit], *, keeps_order: bool = False) -> bool:
    """Apply edits to a model and remove what nothing uses any more.

    Args:
        model: Edited in place and marked as modified.
        edits: Any number, at most one for each node.
        keeps_order: Whether each edit replaces one node by nodes that use only what that one used, so that nodes that
            were in order still are.

    Returns:
        Whether there were any.

    """
    by_scope: dict[int, list[Edit]] = {}
    for edit in edits:
        by_scope.setdefault(id(edit.scope), []).append(edit)
    if not by_scope:
        return False
    suspects = Suspects(model.proto)
    disordered = [group for group in by_scope.values() if not (keeps_order and is_in_order(group[0].scope.nodes))]
    for group in by_scope.values():
        _replace_nodes(group[0].scope, group, suspects)
    suspects.sweep()
    for group in disordered:
        sort_nodes(group[0].scope.nodes)
    model.modified = True
    return True


def _replace_nodes(scope: Scope, edits: list[Edit], suspects: Suspects) -> None:
    nodes = scope.nodes
    fresh = [[*_constants_as_nodes(edit), *edit.nodes] for edit in edits]
    room = max(1, *map(len, fresh))
    keys = list(range(0, room * len(nodes), room))
    for edit in edits:
        if edit.removed and edit.keeps_documentation:
            _keep_documentation(nodes[edit.removed[0]], edit, scope.ir_version)
        for index in edit.removed:
            keys[index] = GONE
            suspects.add(scope, chain(node_uses(nodes[index]), nodes[index].output))
    for edit, added in zip(edits, fresh, strict=True):
        anchor = room * max(edit.removed, default=-1)
        keys.extend(range(anchor, anchor + len(added)))
        nodes.extend(added)
        if isinstance(scope.proto, GraphProto):
            if scope.holds_initializers:
                scope.proto.initializer.extend(edit.initializers)
            scope.proto.value_info.extend(edit.value_info)
    sort_and_cut(nodes, keys)


def _constants_as_nodes(edit: Edit) -> list[NodeProto]:
    """Return the edit's constants as Constant nodes if the scope cannot hold initializers, else none."""
    if edit.scope.holds_initializers:
        return []
    return [node for tensor in edit.initializers for node in constant_nodes(tensor, edit.scope.opset)]


def _keep_documentation(old: NodeProto, edit: Edit, ir_version: int) -> None:
    """Give a replaced node's documentation to the node with its first used output; name the source on the others."""
    if not edit.nodes:
        return
    outputs = [name for name in old.output if name]
    heir = next(
        (node for output in outputs for node in edit.nodes if output in node.output),
        edit.nodes[-1],
    )
    if old.HasField("doc_string"):
        heir.MergeFrom(_documentation(old))
    if ir_version >= METADATA_IR_VERSION:
        heir.metadata_props.extend(old.metadata_props)
        source = old.name or (outputs[0] if outputs else old.op_type)
        for node in edit.nodes:
            if node is not heir:
                node.metadata_props.add(key=SOURCE_KEY, value=source)


def _documentation(node: NodeProto) -> NodeProto:
    """Return a node with another one's doc_string and nothing else: as bytes, which need not be UTF-8."""
    result = NodeProto()
    result.CopyFrom(node)
    for entry, _ in node.ListFields():
        if entry.name != "doc_string":
            result.ClearField(entry.name)
    result.DiscardUnknownFields()
    return result
