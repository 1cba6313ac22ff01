"""Scopes inside others: what their GRUs read of the values around them, and which go with the nodes that hold them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import subgraphs, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnx

    from gru_lower.graph.local_functions import Key
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.recognition.find_recurrences import ScopeRecurrences


def read_by_inner_grus(everywhere: Sequence[ScopeRecurrences]) -> None:
    """Enter for each scope what GRUs in the bodies of its nodes will read of its values.

    A GRU in a body may read values that the body did not, such as the states that one it read is stacked of. They have
    to be there once the scope around has been rewritten.

    Args:
        everywhere: The recurrences of all scopes of a model; edited in place.

    """
    by_scope = {id(found.interpreter.scope.proto): found for found in everywhere}
    for inner in everywhere:
        names = {name for inputs in inner.inputs if inputs is not None for name in inputs.names}
        scope = inner.interpreter.scope
        while names and scope.parent is not None:
            names = {name for name in names if not scope.defines(name)}
            around = by_scope[id(scope.parent.proto)]
            index = next(i for i, node in enumerate(scope.parent.nodes) if _holds(node, scope))
            around.read_inside.setdefault(index, set()).update(names)
            scope = scope.parent


def _holds(node: onnx.NodeProto, scope: Scope) -> bool:
    return any(body is scope.proto for _, body in subgraphs(node))


class RemovedScopes:
    """The scopes that are gone: bodies of nodes that were removed, and functions that nothing calls any more.

    Args:
        model: The model, as it was.

    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Count the calls of functions."""
        self._functions = {key_of(function) for function in model.functions}
        self._bodies: set[int] = set()
        self._calls: Counter[Key] = Counter()
        self._calls_gone: Counter[Key] = Counter()
        if self._functions:
            for scope in walk(model):
                self._calls.update(_calls(scope.nodes, self._functions))

    def add(self, scope: Scope, removed: Iterable[int]) -> None:
        """Enter the nodes of a scope that are removed."""
        pending = [scope.nodes[index] for index in removed]
        while pending:
            node = pending.pop()
            if self._functions:
                self._calls_gone.update(_calls([node], self._functions))
            for _, body in subgraphs(node) if node.attribute else ():
                self._bodies.add(id(body))
                pending += body.node

    def has(self, scope: Scope) -> bool:
        """Whether a scope is gone, or stands in one that is."""
        around: Scope | None = scope
        while around is not None:
            if id(around.proto) in self._bodies:
                return True
            around = around.parent
        function = scope.function
        calls = 0 if function is None else self._calls[key_of(function)]
        return function is not None and 0 < calls == self._calls_gone[key_of(function)]


def _calls(nodes: Iterable[onnx.NodeProto], functions: set[Key]) -> Iterable[Key]:
    return [key_of(node) for node in nodes if key_of(node) in functions]
