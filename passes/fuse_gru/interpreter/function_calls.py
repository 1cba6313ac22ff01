"""Calls of a model's own functions, interpreted as if their nodes stood where the call does.

A step of a cell is often a function, or made of functions; what is inside is seen by this call alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import FunctionProto

from gru_lower.graph.local_functions import key_of, resolve
from gru_lower.graph.scopes import Scope, subgraphs
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.tensors.tensor import Value

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.local_functions import Bindings, Key
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known

LARGEST, DEEPEST = 256, 16
"""Functions of more nodes are no step of a cell, and calls within calls within so many calls are none either."""


def by_key(scopes: dict[int, Scope]) -> dict[Key, Scope]:
    """Return the scopes of the functions that may be a step, or a part of one."""
    found = {}
    for scope in scopes.values():
        function = scope.proto
        if not isinstance(function, FunctionProto) or len(function.node) > LARGEST:
            continue
        if not any(True for node in function.node for _ in subgraphs(node)):
            found[key_of(function)] = scope
    return found


def inlined(interpreter: Interpreter, node: NodeProto, called: Scope) -> list[Known] | None:
    """Interpret what a call computes, ``None`` where calls lie too deep within calls."""
    function = called.function
    path = f"{interpreter.scope.path}/{next(iter(node.output), '')}"
    if interpreter.depth >= DEEPEST or function is None:
        return None
    bound: Bindings = {attribute.name: attribute for attribute in function.attribute_proto}
    bound.update({attribute.name: attribute for attribute in node.attribute})
    bound = dict.fromkeys(function.attribute) | bound
    scope = Scope(path, function, None, called.opsets, called.ir_version)
    inside = type(interpreter)(interpreter.algebra, interpreter.facts, scope, interpreter.scopes)
    inside.depth = interpreter.depth + 1
    for position, parameter in enumerate(scope.inputs):
        given = node.input[position] if position < len(node.input) else ""
        inside.values[parameter] = known = interpreter.value(given) if given else None
        leaf = interpreter.algebra.atoms[known.poly.atom or 0] if isinstance(known, Value) and known.poly else None
        if isinstance(leaf, Leaf) and (path, parameter) in interpreter.algebra.data:
            interpreter.algebra.data.add(leaf.source)
    for inner in scope.nodes:
        refers = any(attribute.ref_attr_name for attribute in inner.attribute)
        inside.enter(resolve(inner, bound) if refers else inner)
    return [inside.values.get(name) for name in scope.outputs[: len(node.output)]]


__all__ = ["by_key", "inlined"]
