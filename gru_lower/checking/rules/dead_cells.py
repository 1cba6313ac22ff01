"""GRUs and cells whose results nobody uses, and GRUs that are computed twice.

====== ================================================================
GL716  a GRU or a cell that nothing uses, or only the shape of: fixed by removing it
GL717  the same GRU of the same values twice: fixed by computing it once
====== ================================================================

Keras runs a cell once by itself, to see what comes out, before it makes a loop of it. An export holds that cell, too,
and asks for nothing but its shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.rule import Gru, Subject
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.base import Context

PRODUCTS = ("MatMul", "Gemm", "Einsum")
GATES = ("Sigmoid", "HardSigmoid", "Tanh", "Relu", "Softsign", "Clip")
CELL = 2
"""How many activations a GRU's step has at least: one for both gates, and the candidate's."""
SHAPES = ("Shape", "Size")
"""Operators that read nothing of a value but its shape."""
REMOVED = Fix(safe=True, message="what nothing uses removed")
MERGED = Fix(safe=True, message="computed once")


@dataclass(frozen=True)
class Dead:
    """Nodes of one scope that hang together, and whose numbers nothing uses.

    Attributes:
        scope: Where they stand.
        nodes: Their indices, in order.
        shapes: What stands in for the values whose shape is read: node index to name, ``""`` where nothing does.

    """

    scope: Scope
    nodes: list[int]
    shapes: dict[int, str]

    @property
    def fix(self) -> Fix | None:
        """Removing them, where nothing reads a shape that no other value has."""
        return REMOVED if all(self.shapes.values()) else None


def unused(subject: Subject) -> Iterator[Diagnostic]:
    """Find GRUs and cells in nodes whose numbers no output needs."""
    for dead in _all_dead(subject):
        scope = dead.scope
        use = "nothing but a shape is used of" if dead.shapes else "nothing uses"
        grus = [index for index in dead.nodes if is_onnx(scope.nodes[index], "GRU")]
        nodes = list(_flat([scope.nodes[index] for index in dead.nodes]))
        gates = sum(node.op_type in GATES for node in nodes)
        if grus:
            what = "this GRU" if len(grus) == 1 else f"these {len(grus)} GRUs"
            yield _of(scope, grus[0], f"{use} {what}", dead.fix)
        elif gates >= CELL and any(node.op_type in PRODUCTS for node in nodes):
            what = f"these {len(dead.nodes)} nodes, a cell with {gates} activations"
            yield _of(scope, dead.nodes[0], f"{use} {what}", dead.fix)


def _of(scope: Scope, index: int, message: str, fix: Fix | None) -> Diagnostic:
    return diagnostic("GL716", message, scope=scope.path, node=scope.site(index), fix=fix)


def _all_dead(subject: Subject) -> Iterator[Dead]:
    """Yield the groups of nodes that nothing needs; none where a training graph may need them."""
    if subject.model.proto.training_info:
        return
    for scope in subject.scopes:
        dead = _dead(scope)
        for group in _groups(scope, dead):
            made = {name for index in group for name in scope.nodes[index].output if name}
            readers = [
                index
                for index, node in enumerate(scope.nodes)
                if index not in dead and any(name in made for name in node.input)
            ]
            yield Dead(scope, group, {index: _like(subject, scope, index, dead) for index in readers})


def _dead(scope: Scope) -> list[int]:
    used = set(scope.outputs).union(*scope.annotations.values())
    dead = []
    for index in reversed(range(len(scope.nodes))):
        node = scope.nodes[index]
        if not any(name in used for name in node.output if name):
            dead.append(index)
        elif not (is_onnx(node) and node.op_type in SHAPES):
            used.update(node_uses(node))
    return dead[::-1]


def _groups(scope: Scope, dead: list[int]) -> list[list[int]]:
    """Return the nodes in groups that share no value among themselves."""
    homes: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    for index in dead:
        node = scope.nodes[index]
        before = {homes[name] for name in node_uses(node) if name in homes}
        groups[index] = sorted([*(each for home in before for each in groups.pop(home)), index])
        for each in groups[index]:
            homes |= dict.fromkeys((name for name in scope.nodes[each].output if name), index)
    return list(groups.values())


def _like(subject: Subject, scope: Scope, reader: int, dead: list[int]) -> str:
    """Return a value with the very shape that a node reads, and that is used for itself; ``""`` if there is none."""
    shape = subject.facts.shape(scope, scope.nodes[reader].input[0])
    if shape is None or None in shape:
        return ""
    there = [name for index in range(reader) if index not in dead for name in scope.nodes[index].output if name]
    return next((name for name in (*scope.inputs, *there) if subject.facts.shape(scope, name) == shape), "")


def _flat(nodes: Sequence[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for _, body in subgraphs(node):
            yield from _flat(list(body.node))


def remove(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove the nodes that findings are about, and read their shapes elsewhere."""
    del ctx
    wanted = {each.node for each in found}
    edits, sites = [], []
    for dead in _all_dead(subject):
        mine = sorted(wanted & {dead.scope.site(index) for index in dead.nodes})
        if not mine or dead.fix is None:
            continue
        for reader, name in dead.shapes.items():
            dead.scope.nodes[reader].input[0] = name
        edits.append(splice.Edit(dead.scope, dead.nodes, []))
        sites += [
            Site(site, dead.scope.path, "", None, "fixed", code="GL716", message=REMOVED.message) for site in mine
        ]
    splice.apply(subject.model, edits)
    return sites


def twins(subject: Subject) -> Iterator[Diagnostic]:
    """Find GRUs that compute what another one of the same scope computes."""
    for first, second in _pairs(subject):
        yield diagnostic(
            "GL717",
            f"computes what {first.site} computes",
            scope=second.scope.path,
            node=second.site,
            fix=MERGED if _serves(first, second) else None,
        )


def _pairs(subject: Subject) -> Iterator[tuple[Gru, Gru]]:
    firsts: dict[Hashable, Gru] = {}
    for gru in subject.grus:
        spec = gru.parsed.spec
        if spec is not None:
            values = tuple(_content(subject, gru, name) for name in spec.inputs.values())
            key = gru.scope.path, tuple(spec.inputs), values, repr(spec.attributes())
            if key in firsts:
                yield firsts[key], gru
            firsts.setdefault(key, gru)


def _content(subject: Subject, gru: Gru, name: str) -> Hashable:
    """Return what tells values apart: a constant's own numbers, else the name."""
    tensor = subject.facts.constant(gru.scope, name)
    if tensor is None:
        return name
    values = subject.facts.array(gru.scope, name)
    return name if values is None else (tensor.data_type, values.shape, hash(values.tobytes()), values.tobytes())


def _serves(first: Gru, second: Gru) -> bool:
    """Whether one has every output that the other one has."""
    one, other = first.parsed.spec, second.parsed.spec
    return one is not None and other is not None and bool(one.Y or not other.Y) and bool(one.Y_h or not other.Y_h)


def merge(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Hand the first one's outputs on under the second one's names."""
    del ctx
    wanted = {each.node for each in found}
    names = Names(subject.model.proto)
    edits, sites = [], []
    for first, second in _pairs(subject):
        one, other = first.parsed.spec, second.parsed.spec
        if second.site not in wanted or one is None or other is None:
            continue
        given = [(one.Y, other.Y), (one.Y_h, other.Y_h)]
        nodes = [helper.make_node("Identity", [a], [b], names.node(f"{b}/same")) for a, b in given if b]
        edits.append(splice.Edit(second.scope, [second.index], nodes))
        sites.append(
            Site(second.site, second.scope.path, second.node.name, other, "fixed", code="GL717", message=MERGED.message)
        )
    splice.apply(subject.model, edits)
    return sites


RULES = (Rule(("GL716",), unused, remove), Rule(("GL717",), twins, merge))
