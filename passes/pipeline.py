"""Running passes in a row over one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.base import Context, Pass, PassResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.model import Model


def run(passes: Sequence[Pass], model: Model, ctx: Context | None = None) -> PassResult:
    """Run passes one after the other, checking what each requires and ensures.

    Args:
        passes: What to run.
        model: Edited in place.
        ctx: What the passes share.

    Returns:
        The results put together: a site's entry is that of the last pass that did something to it.

    """
    ctx = ctx or Context()
    total = PassResult(modified=False)
    for each in passes:
        each.requires(model)
        result = each.run(model, ctx)
        each.ensures(model, result)
        total.modified |= result.modified
        total.diagnostics += [found for found in result.diagnostics if found not in total.diagnostics]
        by_site = {site.site: site for site in total.sites}
        by_site.update({site.site: site for site in result.sites if site.site not in by_site or site.action != "kept"})
        total.sites = list(by_site.values())
    return total
