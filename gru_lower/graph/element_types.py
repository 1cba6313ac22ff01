"""Element types of values as ONNX's operators give them: by the types of their inputs, without any shape.

ONNX's own inference says the same, and takes ten times as long, as it finds out shapes as well.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, TensorProto

from gru_lower.graph.constant_nodes import NUMBERS
from gru_lower.graph.scopes import ONNX_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope

Formal = tuple[str, bool]
"""The name of a parameter's type, and whether each of its values may be of another."""
OF_ATTRIBUTES = ("Cast", "Constant", "ConstantOfShape")
"""Operators whose type their attributes say."""


@cache
def types_of(op_type: str, opset: int) -> tuple[list[Formal], list[Formal], dict[str, set[str]]] | None:
    """Return an operator's inputs, its outputs, and the types that each type's name stands for."""
    try:
        schema = onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    inputs, outputs = (
        [(each.type_str, not each.is_homogeneous) for each in formals] for formals in (schema.inputs, schema.outputs)
    )
    return inputs, outputs, {each.type_param_str: set(each.allowed_type_strs) for each in schema.type_constraints}


def formal_at(formals: Sequence[Formal], place: int) -> Formal:
    """Return the parameter of an input or output; the last may be there any number of times."""
    return formals[min(place, len(formals) - 1)] if formals else ("", False)


def spelled(kind: int) -> str:
    """Return how ONNX spells tensors of a type."""
    return f"tensor({in_words(kind)})"


def in_words(kind: int) -> str:
    """Return the name of a type."""
    known = kind in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(kind)).lower() if known else f"number {kind}"


_Made = dict["Hashable", "tuple[int, ...] | None"]


def propagate(scope: Scope, known: dict[str, int]) -> list[int] | None:
    """Find out the types of all values of a graph from those that are known.

    Args:
        scope: A main graph.
        known: Element types (``TensorProto.DataType``) of its inputs, its initializers and of what it declares; those
            of its other values are added.

    Returns:
        The indices of nodes that differ from each one before in their operators or types. ``None`` where some type
        could not be found; then ONNX's inference has to be asked, which knows bodies and more.

    """
    read, made = scope.columns, _Made()
    known[""] = 0
    type_of = known.__getitem__
    if read.holders or not set(read.domains) <= {*ONNX_DOMAINS}:
        return None
    unlike = []
    for index, (op_type, inputs, outputs) in enumerate(zip(read.op_types, read.inputs, read.outputs, strict=True)):
        try:
            key: Hashable = (op_type, len(outputs), *map(type_of, inputs))
        except KeyError:
            return None
        if op_type in OF_ATTRIBUTES:
            key = key, read.attributes.get(index)
        found = made.get(key)
        if found is None:
            found = made[key] = _made(read.nodes[index], scope.opset, [known[name] for name in inputs])
            unlike.append(index)
        if found is None:
            return None
        for name, kind in zip(outputs, found, strict=True):
            if name not in known:
                known[name] = kind
            elif name and known[name] != kind:  # as the graph declares it
                if unlike[-1:] != [index]:
                    unlike.append(index)
                known[name] = known[name] or kind
    return unlike


def _made(node: NodeProto, opset: int, given: Sequence[int]) -> tuple[int, ...] | None:
    """Return the types of a node's outputs, ``None`` where its operator and inputs do not say them."""
    if node.op_type in OF_ATTRIBUTES:
        kind = _type_of(node)
        return (kind,) * len(node.output) if kind else None
    formals = types_of(node.op_type, opset)
    if formals is None:
        return None
    bound: dict[str, int] = {}
    for place, kind in enumerate(given):
        name, varies = formal_at(formals[0], place)
        if kind and not varies:
            bound.setdefault(name, kind)
    found = [_result(formals[2], formal_at(formals[1], place), bound) for place in range(len(node.output))]
    return tuple(found) if all(found) else None


def _result(allowed: dict[str, set[str]], formal: Formal, bound: dict[str, int]) -> int:
    name, varies = formal
    if varies:
        return 0
    kinds = allowed.get(name, {name})
    if len(kinds) == 1:
        return _numbers().get(next(iter(kinds)), 0)
    return bound.get(name, 0)


@cache
def _numbers() -> dict[str, int]:
    return {spelled(kind): kind for kind in TensorProto.DataType.values()}


def _type_of(node: NodeProto) -> int:
    """Return the type that an attribute of a Cast, Constant or ConstantOfShape says, 0 where none does."""
    if any(attribute.ref_attr_name for attribute in node.attribute):
        return 0
    if node.op_type == "Cast":
        return next((attribute.i for attribute in node.attribute if attribute.name == "to"), 0)
    if node.op_type == "ConstantOfShape" and not node.attribute:
        return TensorProto.FLOAT
    for attribute in node.attribute:
        if attribute.name == "value" and attribute.type == AttributeProto.TENSOR:
            return int(attribute.t.data_type)
        if node.op_type == "Constant" and attribute.name in NUMBERS and attribute.type == NUMBERS[attribute.name][0]:
            return TensorProto.INT64 if "int" in attribute.name else TensorProto.FLOAT
    return 0
