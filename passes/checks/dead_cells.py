"""GRUs and cells whose results nobody uses, and GRUs that are computed twice.

====== ================================================================
GL716  a GRU or a cell that nothing uses, as exports of frameworks leave behind: fixed by removing it
GL717  the same GRU of the same values twice: fixed by computing it once
====== ================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph import splice
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs
from gru_lower.passes.base import Context, Site
from gru_lower.passes.checks.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.checks.rule import Gru, Subject

PRODUCTS = ("MatMul", "Gemm", "Einsum")
GATES = ("Sigmoid", "HardSigmoid", "Tanh", "Relu", "Softsign", "Clip")
CELL = 2
"""How many activations a GRU's step has at least: one for both gates, and the candidate's."""
REMOVED = Fix(safe=True, message="what nothing uses removed")
MERGED = Fix(safe=True, message="computed once")


def unused(subject: Subject) -> Iterator[Diagnostic]:
    """Find GRUs and cells in nodes that no output needs."""
    for scope in subject.scopes:
        dead = _dead(subject, scope)
        grus = [index for index in dead if is_onnx(scope.nodes[index], "GRU")]
        for index in grus:
            yield _of(scope, index, "nothing uses this GRU")
        if grus or not dead:
            continue
        nodes = list(_flat([scope.nodes[index] for index in dead]))
        gates = sum(node.op_type in GATES for node in nodes)
        if gates >= CELL and any(node.op_type in PRODUCTS for node in nodes):
            what = f"nothing uses these {len(dead)} nodes, a cell with {gates} activations"
            yield _of(scope, dead[0], what)


def _of(scope: Scope, index: int, message: str) -> Diagnostic:
    return diagnostic("GL716", message, scope=scope.path, node=scope.site(index), fix=REMOVED)


def _dead(subject: Subject, scope: Scope) -> list[int]:
    """Return the indices of nodes that no output of the scope needs; none where a training graph may need them."""
    if subject.model.proto.training_info:
        return []
    used = set(scope.outputs).union(*scope.annotations.values())
    dead = []
    for index in reversed(range(len(scope.nodes))):
        node = scope.nodes[index]
        if any(name in used for name in node.output if name):
            used.update(node_uses(node))
        else:
            dead.append(index)
    return dead[::-1]


def _flat(nodes: Sequence[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for _, body in subgraphs(node):
            yield from _flat(list(body.node))


def remove(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove all that is dead in the scopes that findings are about."""
    del ctx
    wanted = {each.scope: each for each in found}
    edits, sites = [], []
    for scope in subject.scopes:
        if scope.path in wanted:
            edits.append(splice.Edit(scope, _dead(subject, scope), []))
            node = wanted[scope.path].node
            sites.append(Site(node, scope.path, "", None, "fixed", code="GL716", message=REMOVED.message))
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
    names = splice.Names(subject.model.proto)
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
