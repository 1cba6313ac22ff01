"""GL725: outputs of Scans that onnxruntime corrupts, see :mod:`gru_lower.graph.scan_outputs`; fixed by an Identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.names import Names
from gru_lower.graph.scan_outputs import corrupted_outputs, scan_body
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="an Identity put before each such output; this changes what onnxruntime gives")


def scans(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find Scans with an output that is an input of the body, or that stands there twice."""
    for scope in checked.scopes:
        for index, node in scope.of_operators("Scan"):
            for message in corrupted_outputs(node).values():
                yield diagnostic(
                    "GL725",
                    message,
                    scope=scope.path,
                    node=scope.site(index),
                    fix=FIX,
                )


def insert(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Put an Identity before each such output of the Scans that findings are about."""
    del ctx
    names = Names(checked.model.proto)
    wanted = {each.node for each in found}
    sites = []
    for scope in checked.scopes:
        for index, node in enumerate(scope.nodes):
            body = scan_body(node)
            if body is None or scope.site(index) not in wanted:
                continue
            for place in corrupted_outputs(node):
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
