"""GL731 and GL732: decomposed GRUs that ``fuse`` would make GRU nodes of; fixed by fusing them.

A note: such a model is not wrong, only slower where there is a kernel for the node, and harder to legalise. The fix is
unsafe because a model may have been lowered on purpose, for a runtime that has no GRU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.checked_model import MOST_NODES
from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.passes.base import Context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.sites.site import Site

FIX = Fix(safe=False, message="fused into a GRU node")


def decomposed(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find decomposed GRUs, as ``inspect`` does, unless the model is too long."""
    if checked.nodes > MOST_NODES:
        yield diagnostic("GL732", f"{checked.nodes} nodes; at most {MOST_NODES} are searched for decomposed GRUs")
        return
    if not any(inputs is not None for found in checked.recurrences for inputs in found.inputs):
        return
    from gru_lower.passes.fuse_gru.fuse_gru import FuseGru  # only where there is something to fuse

    for site in FuseGru().run(checked.model.copy(), Context(keep_changes=False)).sites:
        if site.action == "fused":
            message = f"a GRU, decomposed ({site.message})"
            yield diagnostic("GL731", message, scope=site.scope, node=site.site, fix=FIX)


def fuse(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Fuse them all; what turns out different stays as it was."""
    del found
    from gru_lower.passes.fuse_gru.fuse_gru import FuseGru  # only where there is something to fuse

    result = FuseGru().run(checked.model, ctx)
    sites = [site for site in result.sites if site.action == "fused"]
    for site in sites:
        site.action, site.code, site.message = "fixed", "GL731", FIX.message
    return sites


RULES = (Rule(("GL731", "GL732"), decomposed, fuse),)
