"""Edits: nodes out, a replacement in, in the very GraphProto or FunctionProto they belong to.

A pass collects :class:`Edit` s and applies them once. Untouched messages are moved, never rebuilt,
so unknown fields, order and every byte of them survive. What an edit made dead goes with it:
initializers, value_info and quantization annotations of values that are gone, and producers that
nothing else used. What was dead before stays.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from gru_lower.graph.scopes import Scope, captures, node_names, node_uses, value_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.graph.model import Model

SOURCE_KEY = "gru_lower.source"
METADATA_IR_VERSION = 10
CONSTANT_OF_ANY_TYPE_OPSET = 9
CONSTANT_TYPES = (TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE)


@dataclass
class Edit:
    """One replacement in one scope.

    Attributes:
        scope: Where.
        removed: Indices of the nodes that go; the first one's name, doc_string and metadata_props live on.
        nodes: What comes in their place, in order.
        initializers: The constants the new nodes need, under unique names.
        value_info: Types of new values, as far as they are known.

    """

    scope: Scope
    removed: list[int]
    nodes: list[NodeProto]
    initializers: list[TensorProto] = field(default_factory=list)
    value_info: list[ValueInfoProto] = field(default_factory=list)


class Names:
    """Hands out names that no scope of the model uses yet.

    Args:
        model: The model whose names are taken.

    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Collect the names that are taken."""
        self._values = value_names(model) | {""}
        self._nodes = node_names(model) | {""}
        self._prefixes: set[str] = set()

    def prefix(self, wanted: str) -> str:
        """Reserve a prefix for the names of one site; ``_1`` and so on where it was given out before."""
        return _unique(wanted, self._prefixes)

    def value(self, wanted: str) -> str:
        """Return ``wanted`` for a value, or ``wanted_1`` and so on where a value has that name."""
        return _unique(wanted, self._values)

    def node(self, wanted: str) -> str:
        """Return ``wanted`` for a node, or ``wanted_1`` and so on where a node has that name."""
        return _unique(wanted, self._nodes)


def _unique(wanted: str, taken: set[str]) -> str:
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


def apply(model: Model, edits: Iterable[Edit], *, keeps_order: bool = False) -> bool:
    """Apply edits to a model and remove what they made dead.

    Args:
        model: Edited in place and marked as modified.
        edits: Any number, at most one for each node.
        keeps_order: Each takes the place of one node and uses only what that used: an order that was right still is.

    Returns:
        Whether there were any.

    """
    by_scope: dict[int, list[Edit]] = {}
    for edit in edits:
        by_scope.setdefault(id(edit.scope), []).append(edit)
    if not by_scope:
        return False
    suspects = _Suspects(_trained(model.proto))
    disordered = [group for group in by_scope.values() if not (keeps_order and is_in_order(group[0].scope.nodes))]
    for group in by_scope.values():
        _replace_nodes(group[0].scope, group, suspects)
    suspects.sweep()
    for group in disordered:
        in_order(group[0].scope.nodes)
    model.modified = True
    return True


def _replace_nodes(scope: Scope, edits: list[Edit], suspects: _Suspects) -> None:
    nodes = scope.nodes
    keys: list[tuple[bool, int, int]] = [(False, index, 0) for index in range(len(nodes))]
    for edit in edits:
        _hand_on(nodes[edit.removed[0]], edit, scope.ir_version)
        for index in edit.removed:
            keys[index] = (True, index, 0)
            suspects.add(scope, chain(node_uses(nodes[index]), nodes[index].output))
    for edit in edits:
        anchor = max(edit.removed)
        fresh = [*_constant_nodes(edit), *edit.nodes]
        keys.extend((False, anchor, step) for step in range(len(fresh)))
        nodes.extend(fresh)
        if isinstance(scope.proto, GraphProto):
            if scope.holds_initializers:
                scope.proto.initializer.extend(edit.initializers)
            scope.proto.value_info.extend(edit.value_info)
    _sort_and_cut(nodes, keys)


def _sort_and_cut(nodes: Any, keys: list[tuple[bool, int, int]]) -> None:  # noqa: ANN401 - protobuf's repeated container
    """Put the nodes in the order of their keys and drop those whose key begins with True, without copying any."""
    in_order = iter(keys)
    nodes.sort(key=lambda _node: next(in_order))
    kept = sum(not gone for gone, _, _ in keys)
    del nodes[kept:]


def is_in_order(nodes: Any) -> bool:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Whether every node stands behind what it uses; onnxruntime sorts nodes itself, so not every model's are."""
    later = {name for node in nodes for name in node.output}
    for node in nodes:
        if not later.isdisjoint(node_uses(node)):
            return False
        later.difference_update(node.output)
    return True


def in_order(nodes: Any) -> None:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Move nodes behind what they use, where a replacement stands behind a user of it; else leave all where it is."""
    if is_in_order(nodes):
        return
    producer = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    uses = [{producer[name] for name in node_uses(node) if name in producer} for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    waiting = [len(before) for before in uses]
    for index, before in enumerate(uses):
        for used in before:
            users[used].append(index)
    ready = [index for index, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    rank = [0] * len(waiting)
    for place in range(len(waiting)):
        index = heapq.heappop(ready)
        rank[index] = place
        for user in users[index]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    in_order = iter(rank)
    nodes.sort(key=lambda _node: next(in_order))


def _constant_nodes(edit: Edit) -> list[NodeProto]:
    """Spell the edit's constants as nodes where the scope cannot hold them as initializers."""
    if edit.scope.holds_initializers:
        return []
    return [node for tensor in edit.initializers for node in constant_nodes(tensor, edit.scope.opset)]


def constant_nodes(tensor: TensorProto, opset: int) -> list[NodeProto]:
    """Return nodes that produce the tensor under its name: a Constant, where need be with a Cast.

    Before opset 9 a Constant holds floats only; whole numbers are held as float64, which is exact up to 2^53.
    """
    node = NodeProto(op_type="Constant", name=tensor.name, output=[tensor.name])
    attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    if opset >= CONSTANT_OF_ANY_TYPE_OPSET or tensor.data_type in CONSTANT_TYPES:
        return [node]
    values = numpy_helper.to_array(tensor).astype(np.float64)
    attribute.t.CopyFrom(numpy_helper.from_array(values, f"{tensor.name}/float64"))
    node.name = node.output[0] = f"{tensor.name}/float64"
    cast = NodeProto(op_type="Cast", name=tensor.name, input=[node.output[0]], output=[tensor.name])
    cast.attribute.add(name="to", type=onnx.AttributeProto.INT, i=tensor.data_type)
    return [node, cast]


def _hand_on(old: NodeProto, edit: Edit, ir_version: int) -> None:
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


class _Suspects:
    """Values an edit may have left without a user, by scope."""

    def __init__(self, trained: set[str]) -> None:
        self._trained = trained
        self._found: dict[int, tuple[Scope, set[str]]] = {}

    def add(self, scope: Scope, names: Iterable[str]) -> None:
        """Suspect values visible from a scope; each is filed under the scope that defines it."""
        for name in names:
            home = scope.find(name) or scope
            self._found.setdefault(id(home), (home, set()))[1].add(name)

    def sweep(self) -> None:
        """Remove what is unused now, inner scopes first: a body's captures may free values around it."""
        while self._found:
            deepest = max(self._found, key=lambda key: _depth(self._found[key][0]))
            scope, names = self._found.pop(deepest)
            self._sweep_scope(scope, names)

    def _sweep_scope(self, scope: Scope, names: set[str]) -> None:
        now = Scope(scope.path, scope.proto, scope.parent, scope.opsets, scope.ir_version)
        uses, work = now.uses, list(names)
        if isinstance(now.proto, GraphProto) and now.parent is None:
            uses.update(self._trained)
        dead_nodes: set[int] = set()
        gone: set[str] = set()
        while work:
            name = work.pop()
            if uses[name] or name in gone:
                continue
            index = now.producers.get(name)
            lost, used = [name], Counter[str]()
            if index is not None:
                node = now.nodes[index]
                if any(uses[output] for output in node.output if output):
                    continue
                dead_nodes.add(index)
                lost, used = list(node.output), Counter(node_uses(node))
            elif name in now.inputs and (name not in now.initializers or now.holds_initializers):
                continue  # a part of the interface, be it one with a default
            gone.update(lost)
            for each in lost:
                used.update(now.annotations.get(each, ()))
            uses.subtract(used)
            work.extend(value for value in used if now.defines(value))
            if now.parent is not None:
                self.add(now.parent, (value for value in used if not now.defines(value)))
        if dead_nodes:
            _sort_and_cut(now.nodes, [(index in dead_nodes, index, 0) for index in range(len(now.nodes))])
        _forget(now, gone)


def _trained(model: onnx.ModelProto) -> set[str]:
    """Return the main graph's values that training uses."""
    names: set[str] = set()
    for training in model.training_info:
        names.update(captures(training.initialization), captures(training.algorithm))
        for binding in chain(training.initialization_binding, training.update_binding):
            names.update((binding.key, binding.value))
    return names


def _depth(scope: Scope) -> int:
    return 0 if scope.parent is None else 1 + _depth(scope.parent)


def _forget(scope: Scope, gone: set[str]) -> None:
    """Take initializers, types and annotations of vanished values out of a graph or function."""
    _drop(scope.proto.value_info, lambda value: value.name in gone)
    if isinstance(scope.proto, FunctionProto):
        return
    _drop(scope.proto.initializer, lambda tensor: tensor.name in gone)
    _drop(scope.proto.sparse_initializer, lambda tensor: tensor.values.name in gone)
    _drop(scope.proto.quantization_annotation, lambda annotation: annotation.tensor_name in gone)
    _drop(scope.proto.input, lambda value: value.name in gone)


def _drop(container: Any, condition: Callable[[Any], bool]) -> None:  # noqa: ANN401 - protobuf's repeated container
    gone = [condition(item) for item in container]
    if any(gone):
        _sort_and_cut(container, [(each, index, 0) for index, each in enumerate(gone)])
