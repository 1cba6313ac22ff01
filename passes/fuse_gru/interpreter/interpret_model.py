"""Interpret every scope of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.interpreter.function_calls import functions_by_key
from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.graph.facts import Facts
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra

TIMES_SAID = 20
"""How often it is said how many nodes are read."""


def interpret_scopes(
    facts: Facts,
    algebra: Algebra | None = None,
    kind: type[Interpreter] = Interpreter,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Interpreter]:
    """Interpret every scope of a model.

    Args:
        facts: The model's side table.
        algebra: The tables to fill, new ones if none are given.
        kind: What interprets a scope.
        progress: Called with ``(what, done, total)``, a few times for all nodes together.

    """
    algebra = algebra or LoopAlgebra()
    known: dict[str, Interpreter] = {}
    scopes = facts.scopes
    by_proto = {id(scope.proto): scope for scope in scopes}
    functions = functions_by_key(by_proto)
    read = _NodesRead(sum(len(scope.nodes) for scope in scopes), progress)
    for scope in scopes:
        if scope.path not in known:
            parent = known.get(scope.parent.path) if scope.parent is not None else None
            known[scope.path] = kind(algebra, facts, scope, by_proto, parent)
            known[scope.path].functions = functions
            known[scope.path].run(read.add)
        else:
            read.add(len(scope.nodes))
        known.update(known[scope.path].children)
        yield known[scope.path]


class _NodesRead:
    """Says how many nodes of all scopes are interpreted, a few times for all of them."""

    def __init__(self, total: int, progress: Callable[[str, int, int], None] | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, nodes: int) -> None:
        """Count nodes that are interpreted now."""
        before, self._done = self._done, self._done + nodes
        if self._progress is not None and TIMES_SAID * self._done // self._total > TIMES_SAID * before // self._total:
            self._progress("reading nodes", self._done, self._total)
