"""Calls of a model's own functions: which are interpreted, and the nodes that one call stands for.

A step of a cell is often a function, or made of functions; each call is interpreted as if the function's nodes stood
where the call does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import FunctionProto

from gru_lower.graph.local_functions import key_of, resolve
from gru_lower.graph.scopes import Scope, subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.graph.local_functions import Bindings, Key

LARGEST, DEEPEST = 256, 16
"""The most nodes of a function that may be a step of a cell, and how deep calls may be nested."""


def functions_by_key(scopes: dict[int, Scope]) -> dict[Key, Scope]:
    """Return the scopes of the functions that may be a step of a cell, or a part of one."""
    found = {}
    for scope in scopes.values():
        function = scope.proto
        if not isinstance(function, FunctionProto) or len(function.node) > LARGEST:
            continue
        if not any(True for node in function.node for _ in subgraphs(node)):
            found[key_of(function)] = scope
    return found


def bind(node: NodeProto, called: Scope, path: str) -> tuple[Scope, Iterator[NodeProto]]:
    """Return a function's scope for one call, and its nodes with the attributes that the call gives.

    Args:
        node: The call.
        called: The function's scope.
        path: The path of the scope that is made.

    """
    function = called.proto
    assert isinstance(function, FunctionProto)
    bound: Bindings = {attribute.name: attribute for attribute in function.attribute_proto}
    bound.update({attribute.name: attribute for attribute in node.attribute})
    bound = dict.fromkeys(function.attribute) | bound
    scope = Scope(path, function, None, called.opsets, called.ir_version)
    nodes = (
        resolve(inner, bound) if any(attribute.ref_attr_name for attribute in inner.attribute) else inner
        for inner in scope.nodes
    )
    return scope, nodes
