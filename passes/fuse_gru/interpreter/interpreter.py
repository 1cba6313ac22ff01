"""Interpreting the nodes of a scope: every value becomes polynomials, a constant, or a leaf.

Nothing is rewritten. What an operator does to the algebra is in :mod:`operators`; an operator
that is not there, or is used in a way the algebra has no words for, makes leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, TooLargeError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import symbol
from gru_lower.passes.fuse_gru.interpreter import function_calls, operators
from gru_lower.passes.fuse_gru.interpreter.value_kinds import MICROSOFT, kinds
from gru_lower.passes.fuse_gru.loops.loop_outputs import after
from gru_lower.passes.fuse_gru.loops.read_loop import Reader, understand
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Sequence_, Value, constant, leaf

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.local_functions import Key
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.loops.read_loop import Carrier

Known = Value | Const | Sequence_ | None


class Home(NamedTuple):
    """A value in the graph that is a polynomial.

    Attributes:
        name: Its name.
        value: How its axes lie.

    """

    name: str
    value: Value


class Interpreter:
    """The values of one scope, filled in as they are asked for in the order of the nodes.

    Args:
        algebra: The tables, shared with the scopes around.
        facts: Declared and inferred types and shapes.
        scope: The scope.
        scopes: Every scope of the model, by the identity of its graph or function.
        parent: The interpreter of the scope around it.

    Attributes:
        reader: What reads its loops.

    """

    reader: type[Reader] = Reader

    def __init__(
        self,
        algebra: Algebra,
        facts: Facts,
        scope: Scope,
        scopes: dict[int, Scope],
        parent: Interpreter | None = None,
    ) -> None:
        """Start with what is given: inputs and initializers."""
        self.algebra, self.facts, self.scope, self.scopes, self.parent = algebra, facts, scope, scopes, parent
        self.depth = 0
        """In how many calls of functions it stands."""
        self.called: dict[Key, Scope] = parent.called if parent is not None else function_calls.by_key(scopes)
        self.carriers: dict[int, Carrier] = {}
        """The Loops and Scans that are understood, by node."""
        self.unread: list[int] = []
        """The others."""
        self.children: dict[str, Interpreter] = {}
        """The bodies that were interpreted on the way, by path."""
        self.values: dict[str, Known] = {}
        self.homes: dict[Poly, Home] = {}
        """A value of this scope for every polynomial that is one."""
        self.states, data, self.wholes = kinds(scope, facts)
        for name in data:
            here: Interpreter | None = self
            while here is not None and not here.scope.defines(name):
                here = here.parent
            if here is not None:
                algebra.data.add((here.scope.path, name))

    def run(self) -> None:
        """Interpret every node."""
        for index in range(len(self.scope.nodes)):
            self.step(index)

    def step(self, index: int) -> None:
        """Interpret one node."""
        node = self.scope.nodes[index]
        if self.scope.function is not None:
            node = self.facts.node(self.scope, index)
        if node.op_type in ("Loop", "Scan") and is_onnx(node):
            self._keep(node, self._loop(node, index))
        else:
            self.enter(node)

    def enter(self, node: NodeProto) -> None:
        """Interpret a node that is no loop."""
        called = self.called.get(key_of(node)) if self.called else None
        results = None if called is None else function_calls.inlined(self, node, called)
        self._keep(node, self._results(node) if results is None else results)

    def _keep(self, node: NodeProto, results: list[Known]) -> None:
        for name, result in zip(node.output, results, strict=False):
            if name:
                self.keep(name, self.opaque(name) if result is None else result)

    def _results(self, node: NodeProto) -> list[Known]:
        if is_onnx(node) or node.domain == MICROSOFT:
            handler = operators.HANDLERS.get(node.op_type)
            if handler is not None:
                call = operators.Call(self, node)
                try:
                    return handler(call)
                except (NotUnderstoodError, TooLargeError):
                    pass  # its outputs are leaves: that is what not being understood comes to
        return [self.opaque(name) if name else None for name in node.output]

    def _loop(self, node: NodeProto, index: int) -> list[Known]:
        try:
            carrier = understand(self, node, index)
        except (NotUnderstoodError, TooLargeError):
            self.unread.append(index)
            return [self.opaque(name) if name else None for name in node.output]
        self.carriers[index] = carrier
        self.children[carrier.body.scope.path] = carrier.body
        return [self.opaque(name) if made is None and name else made for name, made in after(self, carrier)]

    def inside(self, scope: Scope) -> Interpreter:
        """Return an interpreter for a body in this scope."""
        return type(self)(self.algebra, self.facts, scope, self.scopes, self)

    def keep(self, name: str, result: Known) -> None:
        """Enter a value."""
        if name in self.states and isinstance(result, Const) and _is_state(result.array):
            result = leaf(self.algebra, (self.scope.path, name), result.dims)
        if name in self.wholes and isinstance(result, Value):
            for _, poly in result.pieces:
                if poly.degree > 1:
                    self.algebra.cut(poly)
        self.values[name] = result
        if isinstance(result, Value) and len(result.pieces) == 1:
            self.homes.setdefault(result.pieces[0][1], Home(name, result))

    def value(self, name: str) -> Known:
        """Return what is known of a value that is visible here."""
        if name in self.values:
            return self.values[name]
        if not self.scope.defines(name) and self.parent is not None:
            outer = self.parent.value(name)
            if isinstance(outer, Const) and name in self.states and _is_state(outer.array):
                outer = self.values[name] = leaf(self.algebra, (self.scope.path, name), outer.dims)
            return outer
        result: Known
        array = self.facts.array(self.scope, name)
        state = array is not None and name in self.states and _is_state(array)
        result = self.opaque(name) if array is None or state else constant(array)
        self.values[name] = result
        return result

    def opaque(self, name: str) -> Known:
        """Look at a value from outside; ``None`` where not even its rank is known."""
        dims = self.facts.shape(self.scope, name)
        if dims is None:
            return None
        return leaf(
            self.algebra, (self.scope.path, name), [self._dim(name, axis, dim) for axis, dim in enumerate(dims)]
        )

    def _dim(self, name: str, axis: int, dim: int | str | None) -> Count:
        if isinstance(dim, int):
            return dim
        return symbol(dim or (self.scope.path, name, axis))

    def dims(self, name: str) -> tuple[Count, ...]:
        """Return the lengths of a value's axes."""
        known = self.value(name)
        return known.dims if isinstance(known, (Value, Const)) else ()

    def home(self, poly: Poly) -> Home | None:
        """Return a value visible here that is a polynomial."""
        here: Interpreter | None = self
        while here is not None:
            if poly in here.homes:
                return here.homes[poly]
            here = here.parent
        return None

    def place(self, source: Any) -> str | None:  # noqa: ANN401 - what leaves are known by
        """Return the name of the value that a leaf is, if it can be used in this scope."""
        here: Interpreter | None = self
        while here is not None:
            if source in self.algebra.defined:
                home = here.homes.get(self.algebra.defined[source])
                if home is not None:
                    return home.name
            elif isinstance(source, tuple) and len(source) == 2 and source[0] == here.scope.path:
                return str(source[1])
            here = here.parent
        return None


def _is_state(array: Array) -> bool:
    return array.dtype.kind not in "iubO" and bool(array.any())
