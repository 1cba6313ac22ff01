"""What a report says of recurrences whose products are of whole numbers, which are no GRUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.reasons.integer_chains import find_integer_chains
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope


def sites_of_integers(scope: Scope, *, between_quantisers: bool) -> list[Site]:
    """Return the report's entries of the recurrences whose products are of whole numbers.

    Args:
        scope: The scope.
        between_quantisers: Whether to look for products of floats that were just dequantised, too.

    """
    found = []
    for chain in find_integer_chains(scope, between_quantisers=between_quantisers):
        name = next(name for name in scope.nodes[chain.products[-1]].output if name)
        site, reason = scope.site(scope.producers[name]), f"a recurrence that is no GRU: {chain.reason}"
        found.append(Site(site, scope.path, "", None, "seen", code="GL801", message=reason))
    return found
