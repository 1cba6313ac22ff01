"""Proofs for two models: each GRU that only one of them has, against what the other has in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.equal_except_grus import equal_except_grus
from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru
from gru_lower.proving.prove import prove
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


def prove_pair(left: Model, right: Model, zero_length_state: str = "zero") -> list[Site]:
    """Try to show for every GRU that only one of two models has that the other computes the same.

    Args:
        left: A model.
        right: The other: it was lowered from the first, or fused from it, or the other way around.
        zero_length_state: What Y_h of a sequence of length 0 is: ``"zero"`` or ``"initial"``.

    Returns:
        One entry a GRU; one that could not be shown has the code GL504 and the reason.

    """
    for original, rewritten in ((left, right), (right, left)):
        found = prove(original, rewritten, zero_length_state=zero_length_state)
        if not found:
            continue
        fused = rewritten.copy()
        FuseGru().run(fused, Context(keep_changes=False))
        if fused.to_bytes() == original.to_bytes():  # recognition is a proof itself
            found = [replace(each, proved=True, reason="") for each in found]
        elif not equal_except_grus(original, rewritten):
            found = [replace(each, proved=False, reason="the models differ elsewhere, too") for each in found]
        return [
            Site(
                each.site,
                each.site.partition("#")[0],
                "",
                None,
                "seen",
                code=None if each.proved else "GL504",
                message="proved over the reals" if each.proved else f"not proved: {each.reason}",
            )
            for each in found
        ]
    return []
