"""GL725: Scan outputs that onnxruntime corrupts; fixed by an Identity before each.

onnxruntime gives a Scan body's outputs the memory of the Scan's own. An output of the body that is one of its inputs,
or that stands there twice, is then never written, or twice: the result is whatever the memory held, without an error.
Seen on 1.31.1, for states and scan outputs alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, subgraphs
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import GraphProto, NodeProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="an Identity put before each such output; this changes what onnxruntime gives")


def scans(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find Scans with an output that is an input of the body, or that stands there twice."""
    for scope in checked.scopes:
        for index, node in enumerate(scope.nodes):
            body = _scan_body(node)
            if body is None:
                continue
            inputs = {value.name for value in body.input}
            for place in _corrupted_outputs(body):
                name = body.output[place].name
                why = "is an input of the body" if name in inputs else "is another output of the body, too"
                yield diagnostic(
                    "GL725",
                    f"output {place} of the Scan, {name!r}, {why}: onnxruntime returns garbage",
                    scope=scope.path,
                    node=scope.site(index),
                    fix=FIX,
                )


def _scan_body(node: NodeProto) -> GraphProto | None:
    return next((body for _, body in subgraphs(node)), None) if is_onnx(node, "Scan") else None


def _corrupted_outputs(body: GraphProto) -> list[int]:
    """Return the places of the body's outputs that are inputs, or were outputs before."""
    taken = {value.name for value in body.input}
    found = []
    for place, value in enumerate(body.output):
        if value.name in taken:
            found.append(place)
        taken.add(value.name)
    return found


def insert(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Put an Identity before each such output of the Scans that findings are about."""
    del ctx
    names = Names(checked.model.proto)
    wanted = {each.node for each in found}
    sites = []
    for scope in checked.scopes:
        for index, node in enumerate(scope.nodes):
            body = _scan_body(node)
            if body is None or scope.site(index) not in wanted:
                continue
            for place in _corrupted_outputs(body):
                value = body.output[place]
                name = names.value(f"{value.name}/own")
                body.node.append(helper.make_node("Identity", [value.name], [name], names.node(name)))
                value.name = name
            checked.model.modified = True
            sites.append(
                Site(scope.site(index), scope.path, node.name, None, "fixed", code="GL725", message=FIX.message)
            )
    return sites


RULES = (Rule(("GL725",), scans, insert, keeps_results=False),)
