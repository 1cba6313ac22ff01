"""Proofs for two models: each GRU that only one of them has, against what the other has in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.equal_except_grus import equal_except_grus
from gru_lower.graph.same_inputs import input_that_differs
from gru_lower.proving.prove import Proof, prove
from gru_lower.proving.recognition import is_recognised
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
        other = input_that_differs(original.proto.graph, rewritten.proto.graph)
        if other is not None:
            found = [replace(each, proved=False, reason=f"the models take other inputs: {other}") for each in found]
        elif is_recognised(original, rewritten):  # recognition is a proof itself
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
                message=_message(each),
                preconditions=each.preconditions if each.proved else (),
            )
            for each in found
        ]
    return []


def _message(proof: Proof) -> str:
    if not proof.proved:
        return f"not proved: {proof.reason}"
    given = f", for {', '.join(proof.preconditions)}" if proof.preconditions else ""
    return f"proved over the reals{given}"
