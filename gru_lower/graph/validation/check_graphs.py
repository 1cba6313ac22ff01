"""Whether the values of a graph have names of their own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from onnx import FunctionProto, GraphProto

from gru_lower.graph.validation.broken_rule import broken_rule

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope


def check_definitions(scope: Scope) -> None:
    """Refuse a scope in which one name is given to two values, or an input or output has none.

    Initializers that stand there twice with the same content are one value, and are left alone.

    Raises:
        InvalidModel: Naming the value.

    """
    proto = scope.proto
    formal = [*proto.input] if isinstance(proto, FunctionProto) else [value.name for value in proto.input]
    made = [name for names in scope.columns.outputs for name in names if name]
    given = set(formal)
    if len(given) < len(formal):
        raise _twice(scope, _first_double(formal))
    if "" in given or "" in scope.outputs:
        raise broken_rule(f"an input or output of {scope.path} has no name")
    held = [] if isinstance(proto, FunctionProto) else _initializers(scope)
    produced = set(made)
    if len(produced) < len(made):
        raise _twice(scope, _first_double(made))
    if not produced.isdisjoint(given) or not produced.isdisjoint(held):
        raise _twice(scope, min(produced & {*given, *held}))


def _initializers(scope: Scope) -> list[str]:
    """Return the names of a graph's initializers."""
    graph = scope.proto
    if not isinstance(graph, GraphProto):
        return []
    names = [tensor.name for tensor in graph.initializer]
    names += [sparse.values.name for sparse in graph.sparse_initializer]
    if len(set(names)) == len(names):
        return names
    double = _first_double(names)
    alike = {t.SerializeToString(deterministic=True) for t in graph.initializer if t.name == double}
    if len(alike) > 1 or any(sparse.values.name == double for sparse in graph.sparse_initializer):
        raise _twice(scope, double)
    return names


def _first_double(names: list[str]) -> str:
    count = Counter(names)
    return next(name for name in names if count[name] > 1)


def _twice(scope: Scope, name: str) -> Exception:
    return broken_rule(f"the name {name!r} is given to two values in {scope.path}")
