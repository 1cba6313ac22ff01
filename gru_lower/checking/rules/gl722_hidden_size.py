"""GL722: GRU nodes without hidden_size, which onnxruntime does not load; fixed by writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.edit_attributes import change_attributes
from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context
    from gru_lower.verification.sites.site import Site


def hidden_size(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs that do not say how many hidden units they have."""
    for gru in checked.grus:
        spec = gru.parsed.spec
        given = any(attribute.name == "hidden_size" for attribute in checked.facts.node(gru.scope, gru.index).attribute)
        if spec is not None and not given:
            yield diagnostic(
                "GL722",
                f"hidden_size is not written; R says {spec.hidden_size}",
                scope=gru.scope.path,
                node=gru.site,
                fix=Fix(safe=True, message=f"hidden_size = {spec.hidden_size} written"),
            )


def _write_hidden_size(gru: GruNode, node: NodeProto) -> None:
    if gru.parsed.spec is not None:
        node.attribute.append(helper.make_attribute("hidden_size", gru.parsed.spec.hidden_size))


def write_hidden_size(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write what R says."""
    return change_attributes(checked, found, ctx, _write_hidden_size)


RULES = (Rule(("GL722",), hidden_size, write_hidden_size),)
