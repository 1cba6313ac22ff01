"""GL740: element types that clash, so that no runtime loads the model.

An operator takes one type for several of its inputs and outputs, a Cast makes the type that it names, and what a Loop
or Scan carries keeps its type. The types of GRU nodes have codes of their own (GL109, GL203).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.scopes import is_onnx, subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope

OWN_CODES = ("GRU",)
CARRYING = ("Loop", "Scan")


def clashes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find nodes that are given, or are said to make, a type that their operator does not allow beside the others."""
    bodies = {id(scope.proto): scope for scope in checked.scopes}
    for scope in checked.scopes:
        if scope.function is not None or not 0 < scope.opset <= onnx.defs.onnx_opset_version():
            continue
        for index, node in enumerate(scope.nodes):
            if not is_onnx(node) or node.op_type in OWN_CODES:
                continue
            said = _carried(checked, scope, node, bodies) if node.op_type in CARRYING else _clash(checked, scope, node)
            if said is not None:
                yield diagnostic("GL740", f"{node.op_type}: {said}", scope=scope.path, node=scope.site(index))


def _clash(checked: CheckedModel, scope: Scope, node: NodeProto) -> str | None:
    kinds = _types_of(node.op_type, scope.opset)
    if kinds is None:
        return None
    inputs, outputs, allowed = kinds
    known: dict[str, tuple[str, int]] = {}
    for names, formals in ((node.input, inputs), (node.output, outputs)):
        for place, name in enumerate(names):
            formal = formals[min(place, len(formals) - 1)] if formals else ("", False)
            kind = checked.facts.elem_type(scope, name) if name and not formal[1] else 0
            if not kind:
                continue
            if formal[0] in allowed and _spelled(kind) not in allowed[formal[0]]:
                return f"{name!r} is {_in_words(kind)}, which it does not take"
            first = known.setdefault(formal[0], (name, kind))
            if first[1] != kind and formal[0] in allowed:
                return (
                    f"{first[0]!r} is {_in_words(first[1])} and {name!r} {_in_words(kind)}, which have to be one type"
                )
    to = next((each.i for each in node.attribute if each.name == "to" and node.op_type == "Cast"), 0)
    made = checked.facts.elem_type(scope, node.output[0]) if to else 0
    if made != to and made:
        return f"it makes {_in_words(to)}, and {node.output[0]!r} is declared as {_in_words(made)}"
    return None


def _carried(checked: CheckedModel, scope: Scope, node: NodeProto, bodies: dict[int, Scope]) -> str | None:
    """Say which state of a Loop or Scan changes its type."""
    body = next((bodies[id(graph)] for _, graph in subgraphs(node) if id(graph) in bodies), None)
    if body is None:
        return None
    skip, count = (2, len(node.input) - 2) if node.op_type == "Loop" else (0, _states_of_scan(node))
    inner, results = list(body.inputs)[skip:], body.outputs[1 if skip else 0 :]
    for place in range(count):
        given = node.input[skip + place] if skip + place < len(node.input) else ""
        if place >= min(len(inner), len(results)) or not given:
            continue
        where = ((scope, given), (body, inner[place]), (body, results[place]))
        found = {name: kind for each, name in where if (kind := checked.facts.elem_type(each, name))}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name!r} is {_in_words(kind)}" for name, kind in found.items())
            return f"a state changes its type: {listed}"
    return None


def _states_of_scan(node: NodeProto) -> int:
    return len(node.input) - next((each.i for each in node.attribute if each.name == "num_scan_inputs"), 0)


Formal = tuple[str, bool]
"""The name of a parameter's type, and whether each of its values may be of another."""


@cache
def _types_of(op_type: str, opset: int) -> tuple[list[Formal], list[Formal], dict[str, set[str]]] | None:
    """Return an operator's inputs, its outputs, and the types that each type's name stands for."""
    try:
        schema = onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    inputs, outputs = (
        [(each.type_str, not each.is_homogeneous) for each in formals] for formals in (schema.inputs, schema.outputs)
    )
    return inputs, outputs, {each.type_param_str: set(each.allowed_type_strs) for each in schema.type_constraints}


def _spelled(kind: int) -> str:
    return f"tensor({_in_words(kind)})"


def _in_words(kind: int) -> str:
    known = kind in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(kind)).lower() if known else f"number {kind}"


RULES = (Rule(("GL740",), clashes),)
