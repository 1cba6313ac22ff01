"""If nodes whose condition is known before the model runs: each is replaced by the branch that it takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from onnx import FunctionProto, GraphProto, NodeProto, SparseTensorProto, helper

from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, subgraphs, walk
from gru_lower.graph.shape_values import known_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

BRANCHES = {True: "then_branch", False: "else_branch"}


def resolve_constant_ifs(model: Model, facts: Facts) -> bool:
    """Replace every If whose condition is known by its branch; one inside another that is replaced waits for its turn.

    Args:
        model: Edited in place.
        facts: What is known of it.

    Returns:
        Whether there was any.

    """
    scopes = [scope for scope in walk(model.proto) if any(is_onnx(node, "If") for node in scope.nodes)]
    if not scopes:
        return False
    found = list(_taken_branches(scopes, facts))
    if not found:
        return False
    names, defined = Names(model.proto), _definitions(model.proto)
    edits = []
    for scope, index, branch in found:
        moved = _MovedBranch(scope.nodes[index], branch, names, defined)
        edits.append(moved.edit(scope, index))
        if isinstance(scope.proto, GraphProto):
            scope.proto.quantization_annotation.extend(moved.graph.quantization_annotation)
    return splice.apply(model, edits)


def _taken_branches(scopes: list[Scope], facts: Facts) -> Iterator[tuple[Scope, int, GraphProto]]:
    """Yield each If whose condition is known, with the branch it takes, but for those inside one that was yielded."""
    wanted = [(scope, node.input[0]) for scope in scopes for node in scope.nodes if is_onnx(node, "If") and node.input]
    known = known_values(wanted, facts)
    gone: list[GraphProto] = []
    for scope in scopes:
        if any(around.proto is body for around in _with_parents(scope) for body in gone):
            continue
        for index, node in enumerate(scope.nodes):
            value = known.get((scope.path, node.input[0])) if is_onnx(node, "If") and node.input else None
            branches = dict(subgraphs(node)) if value is not None else {}
            if value is None or value.size != 1 or branches.keys() != set(BRANCHES.values()):
                continue
            branch = branches[BRANCHES[bool(value.reshape(()))]]
            if len(branch.output) >= len(node.output):
                gone += branches.values()
                yield scope, index, branch


def _with_parents(scope: Scope) -> Iterator[Scope]:
    around: Scope | None = scope
    while around is not None:
        yield around
        around = around.parent


def _definitions(model: onnx.ModelProto) -> Counter[str]:
    """Count in how many scopes each name is defined."""
    count: Counter[str] = Counter()
    for scope in walk(model):
        count.update({*scope.inputs, *_defined_by(scope.proto)})
    return count


def _defined_by(graph: GraphProto | FunctionProto) -> set[str]:
    """Return the names that the nodes and initializers of a graph define."""
    names = {name for node in graph.node for name in node.output if name}
    if isinstance(graph, GraphProto):
        names.update(tensor.name for tensor in graph.initializer)
        names.update(tensor.values.name for tensor in graph.sparse_initializer)
    return names


class _MovedBranch:
    """A branch of an If, renamed so that its nodes can stand in the If's place.

    Values that the If gives keep the If's names; others keep their own where no other scope has the same name.

    Args:
        node: The If.
        branch: The branch it takes; not changed.
        names: Gives out new names.
        defined: In how many scopes each name is defined.

    """

    def __init__(self, node: NodeProto, branch: GraphProto, names: Names, defined: Counter[str]) -> None:
        self.graph = GraphProto()
        self.graph.CopyFrom(branch)
        inner = _names_in_bodies(branch)
        produced = {name for each in branch.node for name in each.output if name}
        renamed: dict[str, str] = {}
        copies: list[tuple[str, str]] = []
        for outer, value in zip(node.output, branch.output, strict=False):
            if outer and value.name in produced and value.name not in renamed and outer not in inner:
                renamed[value.name] = outer
            elif outer:
                copies.append((value.name, outer))
        own = _defined_by(branch)
        for name in sorted(own - renamed.keys()):
            if defined[name] > 1 or name in node.output:
                renamed[name] = names.value(name)
        _rename(self.graph, renamed)
        for name, outer in copies:
            self.graph.node.append(helper.make_node("Identity", [renamed.get(name, name)], [outer], names.node(outer)))
        self._own = {renamed.get(name, name) for name in own}

    def edit(self, scope: Scope, index: int) -> splice.Edit:
        """Return the edit that puts the branch in the place of the If at an index of a scope."""
        sparse = [_sparse_constant(tensor) for tensor in self.graph.sparse_initializer]
        declared = {value.name for value in scope.proto.value_info} | set(scope.outputs)
        types = [value for value in self.graph.value_info if value.name in self._own and value.name not in declared]
        nodes = [*sparse, *self.graph.node]
        return splice.Edit(scope, [index], nodes, list(self.graph.initializer), types, keeps_documentation=False)


def _sparse_constant(tensor: SparseTensorProto) -> NodeProto:
    return helper.make_node("Constant", [], [tensor.values.name], sparse_value=tensor)


def _names_in_bodies(graph: GraphProto) -> set[str]:
    """Return the names that bodies inside a graph define, at any depth."""
    names: set[str] = set()
    for node in graph.node:
        for _, body in subgraphs(node):
            names |= {value.name for value in body.input} | _defined_by(body) | _names_in_bodies(body)
    return names


def _rename(graph: GraphProto, renamed: dict[str, str]) -> None:
    """Rename values wherever a graph and the bodies inside define or use them."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
        for _, body in subgraphs(node):
            shadowed = {value.name for value in body.input} | _defined_by(body)
            _rename(body, {old: new for old, new in renamed.items() if old not in shadowed})
    for tensor in graph.sparse_initializer:
        tensor.values.name = renamed.get(tensor.values.name, tensor.values.name)
    for each in (*graph.initializer, *graph.value_info, *graph.output):
        each.name = renamed.get(each.name, each.name)
    for annotation in graph.quantization_annotation:
        annotation.tensor_name = renamed.get(annotation.tensor_name, annotation.tensor_name)
        for entry in annotation.quant_parameter_tensor_names:
            entry.value = renamed.get(entry.value, entry.value)
