"""GL716: GRUs and cells of which nothing uses the results, or only their shape; fixed by removing them.

Keras runs a cell once by itself, to find out its output, before it makes a loop of it. An export holds that cell, too,
and reads nothing but its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph import splice
from gru_lower.graph.scopes import ONNX_DOMAINS, is_onnx, node_uses, subgraphs
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.base import Context

PRODUCTS = ("MatMul", "Gemm", "Einsum")
GATES = ("Sigmoid", "HardSigmoid", "Tanh", "Relu", "Softsign", "Clip")
FEWEST_ACTIVATIONS = 2
"""How many activations a GRU's step has at least: one for both gates, and the candidate's."""
SHAPES = ("Shape", "Size")
"""Operators that read nothing of a value but its shape."""
REMOVED = Fix(safe=True, message="what nothing uses removed")


@dataclass(frozen=True)
class UnusedNodes:
    """Connected nodes of one scope whose numbers nothing uses.

    Attributes:
        scope: Where they stand.
        nodes: Their indices, in order.
        shapes: By the index of a node that reads the shape of one of their values, another value of that shape; ``""``
            where there is none.

    """

    scope: Scope
    nodes: list[int]
    shapes: dict[int, str]

    @property
    def fix(self) -> Fix | None:
        """The removal, if every shape that is read of them is that of another value, too."""
        return REMOVED if all(self.shapes.values()) else None


def unused(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs and cells in nodes whose numbers no output needs."""
    for dead in _unused_groups(checked):
        scope = dead.scope
        use = "nothing but a shape is used of" if dead.shapes else "nothing uses"
        grus = [index for index in dead.nodes if is_onnx(scope.nodes[index], "GRU")]
        nodes = list(_with_bodies([scope.nodes[index] for index in dead.nodes]))
        gates = sum(node.op_type in GATES for node in nodes)
        if grus:
            what = "this GRU" if len(grus) == 1 else f"these {len(grus)} GRUs"
            yield _finding(scope, grus[0], f"{use} {what}", dead.fix)
        elif gates >= FEWEST_ACTIVATIONS and any(node.op_type in PRODUCTS for node in nodes):
            what = f"these {len(dead.nodes)} nodes, a cell with {gates} activations"
            yield _finding(scope, dead.nodes[0], f"{use} {what}", dead.fix)


def _finding(scope: Scope, index: int, message: str, fix: Fix | None) -> Diagnostic:
    return diagnostic("GL716", message, scope=scope.path, node=scope.site(index), fix=fix)


def _unused_groups(checked: CheckedModel) -> Iterator[UnusedNodes]:
    """Yield the groups of nodes that nothing needs; none where a training graph may need them."""
    if checked.model.proto.training_info:
        return
    for scope in checked.scopes:
        dead = _unused_indices(scope)
        for group in _connected(scope, dead):
            made = {name for index in group for name in scope.nodes[index].output if name}
            readers = [
                index
                for index, node in enumerate(scope.nodes)
                if index not in dead and any(name in made for name in node.input)
            ]
            yield UnusedNodes(
                scope, group, {index: _value_of_same_shape(checked, scope, index, dead) for index in readers}
            )


def _unused_indices(scope: Scope) -> list[int]:
    used = set(scope.outputs).union(*scope.annotations.values())
    dead, read = [], scope.columns
    holders = set(read.holders)
    for index in reversed(range(len(read.nodes))):
        if used.isdisjoint(read.outputs[index]):
            dead.append(index)
        elif read.op_types[index] not in SHAPES or read.domains[index] not in ONNX_DOMAINS:
            used.update(read.inputs[index])
            used.discard("")
            if index in holders:
                used.update(node_uses(read.nodes[index]))
    return dead[::-1]


def _connected(scope: Scope, dead: list[int]) -> list[list[int]]:
    """Return the nodes in groups that share no value with each other."""
    homes: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    for index in dead:
        node = scope.nodes[index]
        before = {homes[name] for name in node_uses(node) if name in homes}
        groups[index] = sorted([*(each for home in before for each in groups.pop(home)), index])
        for each in groups[index]:
            homes |= dict.fromkeys((name for name in scope.nodes[each].output if name), index)
    return list(groups.values())


def _value_of_same_shape(checked: CheckedModel, scope: Scope, reader: int, dead: list[int]) -> str:
    """Return another value, itself used, of the shape that a node reads; ``""`` if there is none."""
    shape = checked.facts.shape(scope, scope.nodes[reader].input[0])
    if shape is None or None in shape:
        return ""
    there = [name for index in range(reader) if index not in dead for name in scope.nodes[index].output if name]
    return next((name for name in (*scope.inputs, *there) if checked.facts.shape(scope, name) == shape), "")


def _with_bodies(nodes: Sequence[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for _, body in subgraphs(node):
            yield from _with_bodies(list(body.node))


def remove(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove the nodes that findings are about; shapes that were read of them are read of other values."""
    del ctx
    wanted = {each.node for each in found}
    edits, sites = [], []
    for dead in _unused_groups(checked):
        mine = sorted(wanted & {dead.scope.site(index) for index in dead.nodes})
        if not mine or dead.fix is None:
            continue
        for reader, name in dead.shapes.items():
            dead.scope.nodes[reader].input[0] = name
        edits.append(splice.Edit(dead.scope, dead.nodes, []))
        sites += [
            Site(site, dead.scope.path, "", None, "fixed", code="GL716", message=REMOVED.message) for site in mine
        ]
    splice.apply(checked.model, edits)
    return sites


RULES = (Rule(("GL716",), unused, remove),)
