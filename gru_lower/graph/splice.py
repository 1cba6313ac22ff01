"""Edits of graphs and functions: nodes are replaced by others, in the very GraphProto or FunctionProto they belong to.

A pass collects :class:`Edit` s and applies them once. Untouched messages are moved, never rebuilt,
so unknown fields, order and every byte of them survive. What an edit made dead goes with it:
initializers, value_info and quantization annotations of values that are gone, and producers that
nothing else used. What was dead before stays.
"""

from __future__ import annotations

from dataclasses import field
from itertools import chain
from typing import TYPE_CHECKING

from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto

from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.dead_code import Suspects
from gru_lower.graph.external_data import is_external
from gru_lower.graph.node_order import GONE, is_in_order, sort_and_cut, sort_nodes
from gru_lower.graph.parts import ROOM, Part, may_wait, number_of, stub_of
from gru_lower.graph.scopes import Scope, walk
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        part: The nodes, initializers and value_info as they are in a file, instead of those three.
        keeps_documentation: Whether the nodes take over the first removed one's doc_string and metadata_props; nodes
            that stood elsewhere in the model have their own.

    """

    scope: Scope
    removed: list[int]
    nodes: list[NodeProto]
    initializers: list[TensorProto] = field(default_factory=list)
    value_info: list[ValueInfoProto] = field(default_factory=list)
    part: Part | None = None
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
    edits = list(edits)
    for edit in edits:
        by_scope.setdefault(id(edit.scope), []).append(edit)
    if not by_scope:
        return False
    suspects = Suspects(model.proto)
    disordered = [group for group in by_scope.values() if not (keeps_order and is_in_order(group[0].scope.nodes))]
    if len(by_scope) == 1 and not disordered and _may_wait(model, edits):
        _put_stubs(model, edits)
    for group in by_scope.values():
        _replace_nodes(group[0].scope, group, suspects)
    suspects.sweep()
    if model.waiting:
        _settle(model, edits[0].scope, suspects)
    for group in disordered:
        sort_nodes(group[0].scope.nodes)
    model.modified = True
    return True


def _may_wait(model: Model, edits: Sequence[Edit]) -> bool:
    """Whether the parts of edits can stay as bytes: where each replaces a node of the main graph."""
    parts = [edit.part for edit in edits if edit.part is not None]
    return (
        len(parts) > 0
        and edits[0].scope.parent is None
        and isinstance(edits[0].scope.proto, GraphProto)
        and all(len(edit.removed) == 1 for edit in edits if edit.part is not None)
        and not any(is_external(tensor) for edit in edits for tensor in edit.initializers)
        and may_wait(model.proto, parts)
    )


def _put_stubs(model: Model, edits: Sequence[Edit]) -> None:
    """Let stubs stand for parts, with constants and types in the order in which edits bring them."""
    waiting: list[Part | None] = []
    for edit in edits:
        if edit.part is not None:
            old = edit.scope.nodes[edit.removed[0]]
            _keep_documentation(old, edit, edit.scope.ir_version)
            edit.nodes, edit.keeps_documentation = [stub_of(edit.part, len(waiting), old)], False
            waiting.append(edit.part)
            edit.part = None
        else:
            bare = GraphProto(initializer=edit.initializers), GraphProto(value_info=edit.value_info)
            constants, types = (each.SerializeToString() for each in bare)
            waiting.append(Part(b"", constants, types, [], ()))
            edit.initializers, edit.value_info = [], []
    model.waiting = waiting


def _settle(model: Model, scope: Scope, suspects: Suspects) -> None:
    """Forget parts whose stubs are gone, and merge all where a part has an output that nothing uses."""
    uses = suspects.uses_of(scope)
    stubs = {number: node for node in scope.nodes if (number := number_of(node)) is not None}
    model.waiting = [
        part if number in stubs or not part.nodes else None for number, part in enumerate(model.waiting) if part
    ]
    unused = [name for node in stubs.values() for name in node.output if name and not uses[name]]
    if unused:
        main = next(walk(model.proto))
        suspects.add(main, unused)
        suspects.sweep()


def _replace_nodes(scope: Scope, edits: list[Edit], suspects: Suspects) -> None:
    nodes = scope.nodes
    read = scope.__dict__.get("columns")
    keys = list(range(0, ROOM * len(nodes), ROOM))
    for edit in edits:
        if edit.removed and edit.keeps_documentation:
            _keep_documentation(nodes[edit.removed[0]], edit, scope.ir_version)
        for index in edit.removed:
            keys[index] = GONE
            suspects.add(
                scope, chain(scope.used_by(index), nodes[index].output if read is None else read.outputs[index])
            )
    for edit in edits:
        before = len(nodes)
        _add(scope, edit)
        anchor = ROOM * max(edit.removed, default=-1)
        keys.extend(range(anchor, anchor + len(nodes) - before))
    sort_and_cut(nodes, keys)


def _add(scope: Scope, edit: Edit) -> None:
    """Add what an edit brings behind what a scope holds."""
    if edit.part is not None:
        for fields in (edit.part.nodes, edit.part.initializers, edit.part.value_info):
            scope.proto.MergeFromString(fields)
        return
    scope.nodes.extend([*_constants_as_nodes(edit), *edit.nodes])
    if isinstance(scope.proto, GraphProto):
        if scope.holds_initializers:
            scope.proto.initializer.extend(edit.initializers)
        scope.proto.value_info.extend(edit.value_info)


def _constants_as_nodes(edit: Edit) -> list[NodeProto]:
    """Return the edit's constants as Constant nodes if the scope cannot hold initializers, else none."""
    if edit.scope.holds_initializers:
        return []
    return [node for tensor in edit.initializers for node in constant_nodes(tensor, edit.scope.opset)]


def _keep_documentation(old: NodeProto, edit: Edit, ir_version: int) -> None:
    """Give a replaced node's documentation to the node with its first used output; name the source on the others."""
    if edit.part is not None and (old.HasField("doc_string") or ir_version >= METADATA_IR_VERSION):
        documented = GraphProto.FromString(edit.part.nodes)
        _document(old, documented.node, ir_version)
        edit.part = edit.part._replace(nodes=documented.SerializeToString())
    elif edit.nodes:
        _document(old, edit.nodes, ir_version)


def _document(old: NodeProto, nodes: Sequence[NodeProto], ir_version: int) -> None:
    outputs = [name for name in old.output if name]
    heir = next(
        (node for output in outputs for node in nodes if output in node.output),
        nodes[-1],
    )
    if old.HasField("doc_string"):
        heir.MergeFrom(_documentation(old))
    if ir_version >= METADATA_IR_VERSION:
        heir.metadata_props.extend(old.metadata_props)
        source = old.name or (outputs[0] if outputs else old.op_type)
        for node in nodes:
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
