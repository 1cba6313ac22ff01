"""Interpret every scope of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import walk
from gru_lower.passes.fuse_gru.interpreter.function_calls import functions_by_key
from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra


def interpret_scopes(
    model: Model, facts: Facts, algebra: Algebra | None = None, kind: type[Interpreter] = Interpreter
) -> Iterator[Interpreter]:
    """Interpret every scope of a model.

    Args:
        model: The model.
        facts: Its side table.
        algebra: The tables to fill, new ones if none are given.
        kind: What interprets a scope.

    """
    algebra = algebra or LoopAlgebra()
    known: dict[str, Interpreter] = {}
    scopes = list(walk(model.proto))
    by_proto = {id(scope.proto): scope for scope in scopes}
    functions = functions_by_key(by_proto)
    for scope in scopes:
        if scope.path not in known:
            parent = known.get(scope.parent.path) if scope.parent is not None else None
            known[scope.path] = kind(algebra, facts, scope, by_proto, parent)
            known[scope.path].functions = functions
            known[scope.path].run()
        known.update(known[scope.path].children)
        yield known[scope.path]
