"""GL721: GRU nodes of layout 1, which runtimes refuse or ignore; fixed by layout 0 between transposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context
    from gru_lower.verification.sites.site import Site


def layout(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs of layout 1."""
    for gru in checked.grus:
        if gru.parsed.spec is not None and gru.parsed.spec.layout:
            yield diagnostic(
                "GL721",
                "layout is 1: onnxruntime refuses it, and OpenVINO computes as if it were 0",
                scope=gru.scope.path,
                node=gru.site,
                fix=Fix(safe=True, message="layout 0, between transposes"),
            )


def transpose(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write the GRUs of layout 1 as ones of layout 0."""
    from gru_lower.passes.legalize_gru.legalize_layout import LegalizeLayout  # only for a fix

    wanted = {each.node for each in found}
    result = LegalizeLayout().run(checked.model, ctx)
    sites = [site for site in result.sites if site.site in wanted and site.action == "legalized"]
    for site in sites:
        site.action, site.code, site.message = "fixed", "GL721", "layout 0, between transposes"
    return sites


RULES = (Rule(("GL721",), layout, transpose),)
