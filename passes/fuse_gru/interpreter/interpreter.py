"""Interpreting the nodes of a scope in order: every value becomes polynomials, a constant, or a leaf.

Nothing is rewritten. What an operator does to values is listed in :mod:`operators.registry`; the outputs of an
operator that is not listed, or is used in a way that polynomials cannot say, are leaves.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.errors import READING_FAILS, NotUnderstoodError, TooLargeError
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.interpreter import function_calls
from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
from gru_lower.passes.fuse_gru.interpreter.operators.registry import HANDLERS
from gru_lower.passes.fuse_gru.interpreter.value_types import elem_type_of
from gru_lower.passes.fuse_gru.loops.loop_outputs import output_values
from gru_lower.passes.fuse_gru.loops.read_loop import LoopReader
from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.tensors.value_roles import MICROSOFT

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.local_functions import Key
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


class Interpreter(ScopeValues):
    """The values of one scope, filled in node by node.

    Args:
        algebra: The tables, shared with the scopes around.
        facts: Declared and inferred types and shapes.
        scope: The scope.
        scopes: Every scope of the model, by the identity of its graph or function.
        parent: The interpreter of the scope around it.

    Attributes:
        reader: The class that reads its loops.
        loops: The Loops and Scans that are understood, by the index of the node.
        unread_loops: The indices of the others.
        children: The bodies that were interpreted on the way, by path.
        call_depth: In how many calls of functions it is.

    """

    reader: type[LoopReader] = LoopReader

    def __init__(
        self,
        algebra: Algebra,
        facts: Facts,
        scope: Scope,
        scopes: dict[int, Scope],
        parent: Interpreter | None = None,
    ) -> None:
        """Start with what is given: inputs and initializers."""
        super().__init__(algebra, facts, scope, scopes, parent)
        self.loops: dict[int, InterpretedLoop] = {}
        self.unread_loops: list[int] = []
        self.children: dict[str, Interpreter] = {}
        self.call_depth = 0
        self._in_function = scope.function is not None

    @cached_property
    def functions(self) -> dict[Key, Scope]:
        """The model's functions that may be a step of a cell."""
        around = self.parent
        return around.functions if isinstance(around, Interpreter) else function_calls.functions_by_key(self.scopes)

    def run(self, progress: Callable[[int], None] | None = None) -> None:
        """Interpret every node.

        Args:
            progress: Called with 1 in front of each node.

        """
        for index in range(len(self.scope.columns.nodes)):
            if progress is not None:
                progress(1)
            self.step(index)

    def step(self, index: int) -> None:
        """Interpret one node."""
        node = self.scope.columns.nodes[index]
        if self._in_function:
            node = self.facts.node(self.scope, index)
        if self.scope.columns.op_types[index] in ("Loop", "Scan") and is_onnx(node):
            self._keep_outputs(node, self._loop(node, index))
        else:
            self.enter(node)

    def enter(self, node: NodeProto) -> None:
        """Interpret a node that is no loop."""
        function = self.functions.get(key_of(node)) if self.functions else None
        results = None if function is None else self._function_call(node, function)
        self._keep_outputs(node, self._results(node) if results is None else results)

    def _keep_outputs(self, node: NodeProto, results: list[Known]) -> None:
        for name, result in zip(node.output, results, strict=False):
            if name:
                self.keep(name, self.opaque(name) if result is None else result)

    def _results(self, node: NodeProto) -> list[Known]:
        if is_onnx(node) or node.domain == MICROSOFT:
            handler = HANDLERS.get(node.op_type)
            if handler is not None:
                try:
                    return handler(Call(self, node))
                except (NotUnderstoodError, TooLargeError):
                    pass  # its outputs are leaves, then
                except READING_FAILS as error:
                    self._note_unread(node, error)
        return [self.opaque(name) if name else None for name in node.output]

    # -- loops -----------------------------------------------------------------------------------------

    def _loop(self, node: NodeProto, index: int) -> list[Known]:
        try:
            loop = self.loops[index] = self.reader(self, node, index, self._interpret_body).read()
            values = list(output_values(self, loop))
        except (NotUnderstoodError, TooLargeError):
            return self._unread_loop(node, index)
        except READING_FAILS as error:
            self._note_unread(node, error)
            return self._unread_loop(node, index)
        assert isinstance(loop.body, Interpreter)
        self.children[loop.body.scope.path] = loop.body
        return [self.opaque(name) if known is None and name else known for name, known in values]

    def _unread_loop(self, node: NodeProto, index: int) -> list[Known]:
        self.loops.pop(index, None)
        self.unread_loops.append(index)
        return [self.opaque(name) if name else None for name in node.output]

    def _note_unread(self, node: NodeProto, error: Exception) -> None:
        """Enter that the reader of a node failed on it."""
        name = next(filter(None, node.output), "")
        place = self.scope.producers.get(name)
        site = f"{self.scope.path}:{name}" if place is None else self.scope.site(place)
        self.algebra.note_unread(site, node.op_type, error)

    def _interpret_body(self, scope: Scope, given: dict[str, Known]) -> Interpreter:
        body = type(self)(self.algebra, self.facts, scope, self.scopes, self)
        body.values.update(given)
        body.run()
        return body

    # -- functions of the model ------------------------------------------------------------------------

    def _function_call(self, node: NodeProto, function: Scope) -> list[Known] | None:
        """Interpret the nodes of a function for one call, ``None`` where they are nested too deep or too many."""
        if self.call_depth >= function_calls.DEEPEST or not self.algebra.calls_left:
            return None
        self.algebra.calls_left -= 1
        scope, nodes = function_calls.bind(node, function, f"{self.scope.path}/{next(iter(node.output), '')}")
        inside = type(self)(self.algebra, self.facts, scope, self.scopes)
        inside.functions, inside.call_depth = self.functions, self.call_depth + 1
        for position, parameter in enumerate(scope.inputs):
            given = node.input[position] if position < len(node.input) else ""
            inside.values[parameter] = known = self.value(given) if given else None
            inside.given_types[parameter] = elem_type_of(self, given) if given else 0
            leaf = self.algebra.atoms[known.poly.atom or 0] if isinstance(known, PolyTensor) and known.poly else None
            if isinstance(leaf, Leaf) and NamedValue(scope.path, parameter) in self.algebra.non_matrices:
                self.algebra.non_matrices.add(leaf.source)
        for each in nodes:
            inside.enter(each)
        return [inside.values.get(name) for name in scope.outputs[: len(node.output)]]
