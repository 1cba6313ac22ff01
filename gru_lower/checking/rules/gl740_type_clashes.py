"""GL740: element types that clash, so that no runtime loads the model.

An operator takes one type for several of its inputs and outputs, a Cast makes the type that it names, and what a Loop
or Scan carries keeps its type. The types of GRU nodes have codes of their own (GL109, GL203).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.element_types import formal_at, in_words, spelled, types_of
from gru_lower.graph.scopes import ONNX_DOMAINS, subgraphs

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

OWN_CODES = ("GRU",)
CARRYING = ("Loop", "Scan")


def clashes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find nodes that are given, or are said to make, a type that their operator does not allow beside the others."""
    bodies = {id(scope.proto): scope for scope in checked.scopes}
    for scope in checked.scopes:
        if scope.function is not None or not 0 < scope.opset <= onnx.defs.onnx_opset_version():
            continue
        types, unlike = _types(checked.facts, scope)
        found = list(_clashes_of(checked, scope, types, unlike, bodies))
        everywhere = range(len(scope.columns.nodes))
        if found and len(unlike) < len(everywhere):
            found = list(_clashes_of(checked, scope, types, everywhere, bodies))
        yield from found


def _clashes_of(
    checked: CheckedModel, scope: Scope, types: _Types, indices: Iterable[int], bodies: dict[int, Scope]
) -> Iterator[Diagnostic]:
    sound: set[Hashable] = set()
    read = scope.columns
    for index in indices:
        op_type = read.op_types[index]
        if read.domains[index] not in ONNX_DOMAINS or op_type in OWN_CODES:
            continue
        if op_type in CARRYING:
            said = _carried(checked, scope, read.nodes[index], bodies)
        else:
            given = tuple(map(types.__getitem__, read.inputs[index]))
            made = tuple(map(types.__getitem__, read.outputs[index]))
            like = op_type, given, made, read.attributes.get(index) if op_type == "Cast" else None
            said = None if like in sound else _clash(types, scope.opset, read.nodes[index])
            if said is None:
                sound.add(like)
        if said is not None:
            yield diagnostic("GL740", f"{op_type}: {said}", scope=scope.path, node=scope.site(index))


def _types(facts: Facts, scope: Scope) -> tuple[_Types, Sequence[int]]:
    """Return the types of a scope's values, and the indices of nodes that have to be looked at."""
    found, unlike = facts.elem_types(scope) if scope.parent is None else ({}, range(len(scope.columns.nodes)))
    return _Types(found, facts, scope), unlike


class _Types(dict[str, int]):
    """The element types of values that a scope sees, 0 where unknown."""

    def __init__(self, found: dict[str, int], facts: Facts, scope: Scope) -> None:
        super().__init__(found)
        self[""] = 0
        self._facts, self._scope = facts, scope

    def __missing__(self, name: str) -> int:
        self[name] = found = self._facts.elem_type(self._scope, name)
        return found


def _named_type(node: NodeProto) -> int:
    """Return the type that a Cast names, 0 for any other node."""
    return next((each.i for each in node.attribute if each.name == "to"), 0) if node.op_type == "Cast" else 0


def _clash(types: Mapping[str, int], opset: int, node: NodeProto) -> str | None:
    kinds = types_of(node.op_type, opset)
    if kinds is None:
        return None
    inputs, outputs, allowed = kinds
    known: dict[str, tuple[str, int]] = {}
    for names, formals in ((node.input, inputs), (node.output, outputs)):
        for place, name in enumerate(names):
            formal = formal_at(formals, place)
            kind = 0 if formal[1] else types[name]
            if not kind:
                continue
            if formal[0] in allowed and spelled(kind) not in allowed[formal[0]]:
                return f"{name!r} is {in_words(kind)}, which it does not take"
            first = known.setdefault(formal[0], (name, kind))
            if first[1] != kind and formal[0] in allowed:
                return f"{first[0]!r} is {in_words(first[1])} and {name!r} {in_words(kind)}, which have to be one type"
    to = _named_type(node)
    made = types[node.output[0]] if to else 0
    if made != to and made:
        return f"it makes {in_words(to)}, and {node.output[0]!r} is declared as {in_words(made)}"
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
            listed = ", ".join(f"{name!r} is {in_words(kind)}" for name, kind in found.items())
            return f"a state changes its type: {listed}"
    return None


def _states_of_scan(node: NodeProto) -> int:
    return len(node.input) - next((each.i for each in node.attribute if each.name == "num_scan_inputs"), 0)


RULES = (Rule(("GL740",), clashes),)
