"""Removal of what an edit left without a user: nodes, initializers, types, quantization annotations."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from onnx import FunctionProto, GraphProto

from gru_lower.graph.node_order import GONE, sort_and_cut
from gru_lower.graph.scopes import Scope, captures, node_uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import onnx


class Suspects:
    """Values that an edit may have left without a user, by the scope that defines them.

    Args:
        model: The model that is edited; what its training graphs use of the main graph is never removed.

    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Begin with none."""
        self._trained = _used_by_training(model)
        self._found: dict[int, tuple[Scope, set[str]]] = {}

    def add(self, scope: Scope, names: Iterable[str]) -> None:
        """Suspect values visible from a scope; each is filed under the scope that defines it."""
        if scope.parent is None:
            self._found.setdefault(id(scope), (scope, set()))[1].update(names)
            return
        for name in names:
            home = scope.find(name) or scope
            self._found.setdefault(id(home), (home, set()))[1].add(name)

    def sweep(self) -> None:
        """Remove what is unused now, inner scopes first: a body's captures may free values around it."""
        while self._found:
            deepest = max(self._found, key=lambda key: _depth(self._found[key][0]))
            scope, names = self._found.pop(deepest)
            self._sweep_scope(scope, names)

    def uses_of(self, scope: Scope) -> Counter[str]:
        """Return how often each value of a scope is used as it is now, by training, too."""
        uses = _again(scope).uses
        if isinstance(scope.proto, GraphProto) and scope.parent is None:
            uses.update(self._trained)
        return uses

    def _sweep_scope(self, scope: Scope, names: set[str]) -> None:
        now, uses, work = _again(scope), self.uses_of(scope), list(names)
        dead_nodes: set[int] = set()
        gone: set[str] = set()
        while work:
            name = work.pop()
            if uses[name] or name in gone:
                continue
            index = None if name in now.initializers else now.producers.get(name)
            if index is None and not now.annotations and not now.defines(name):
                gone.add(name)
                continue
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
            sort_and_cut(now.nodes, [GONE if index in dead_nodes else 0 for index in range(len(now.nodes))])
        _remove_values(now, gone)


def _again(scope: Scope) -> Scope:
    """Return a scope as it is now."""
    return Scope(scope.path, scope.proto, scope.parent, scope.opsets, scope.ir_version)


def _used_by_training(model: onnx.ModelProto) -> set[str]:
    """Return the main graph's values that training uses."""
    names: set[str] = set()
    for training in model.training_info:
        names.update(captures(training.initialization), captures(training.algorithm))
        for binding in chain(training.initialization_binding, training.update_binding):
            names.update((binding.key, binding.value))
    return names


def _depth(scope: Scope) -> int:
    return 0 if scope.parent is None else 1 + _depth(scope.parent)


def _remove_values(scope: Scope, gone: set[str]) -> None:
    """Take initializers, types and annotations of vanished values out of a graph or function."""
    _remove(scope.proto.value_info, lambda value: value.name in gone)
    if isinstance(scope.proto, FunctionProto):
        return
    _remove(scope.proto.initializer, lambda tensor: tensor.name in gone)
    _remove(scope.proto.sparse_initializer, lambda tensor: tensor.values.name in gone)
    _remove(scope.proto.quantization_annotation, lambda annotation: annotation.tensor_name in gone)
    _remove(scope.proto.input, lambda value: value.name in gone)


def _remove(container: Any, condition: Callable[[Any], bool]) -> None:  # noqa: ANN401 - protobuf's repeated container
    gone = [condition(item) for item in container]
    if any(gone):
        sort_and_cut(container, [GONE if each else 0 for each in gone])
