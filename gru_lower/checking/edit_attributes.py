"""Fixes that change only attributes of GRU nodes, and what is needed to verify them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.verification.sites.site import Change, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context


def change_attributes(
    checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context, edit: Callable[[GruNode, NodeProto], None]
) -> list[Site]:
    """Change the attributes of the GRUs that findings are about, in place.

    Args:
        checked: The model; edited in place.
        found: The findings.
        ctx: What passes share.
        edit: Changes one node, given the GRU as it was.

    Returns:
        What became of each GRU.

    """
    wanted = {each.node: each for each in found}
    sites = []
    for gru in checked.grus:
        finding = wanted.get(gru.site)
        if finding is None or finding.fix is None:
            continue
        spec, node = gru.parsed.spec, gru.node
        site = Site(gru.site, gru.scope.path, node.name, spec, "fixed", code=finding.code, message=finding.fix.message)
        old = type(node)()
        old.CopyFrom(checked.facts.node(gru.scope, gru.index))
        edit(gru, node)
        checked.model.modified = True
        if spec is not None and ctx.keep_changes:
            new = type(node)()
            new.CopyFrom(old)
            edit(gru, new)
            if all(each.name != "hidden_size" for each in new.attribute):  # onnxruntime loads no node without it
                new.attribute.append(helper.make_attribute("hidden_size", spec.hidden_size))
            constants = {
                key: tensor
                for key, name in spec.inputs.items()
                if (tensor := checked.facts.constant(gru.scope, name)) is not None
            }
            site.change = Change(spec, old, [new], [], constants, gru.scope.opsets)
        sites.append(site)
    return sites


def remove_attributes(node: NodeProto, *names: str) -> None:
    """Remove attributes of a node."""
    for place in reversed(range(len(node.attribute))):
        if node.attribute[place].name in names:
            del node.attribute[place]
