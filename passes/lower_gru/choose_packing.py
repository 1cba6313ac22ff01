"""How the Scan bodies of a GRU are packed, and whether a first step is done outside them.

1. ``packing=auto`` goes by costs.json: by directions, linear_before_reset, H and the batch to expect.
2. Where no row fits, ``inside`` serves large batches.
3. With an external R, auto packs nothing that would read it: ``fused`` at most.
4. A packing that does not apply gives way to the next best: ``triple`` to ``double``, ``double`` to ``block`` for two
   directions, the others to ``fused``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.lower_gru.costs import costs

if TYPE_CHECKING:
    from onnx import TensorProto

    from gru_lower.graph.facts import Facts
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.variant import Variant

PACKINGS = ("auto", "none", "plain", "inside", "fused", "block", "block-fused", "double", "triple")
UNPACKED = ("none", "inside", "fused")
"""Those with a body for each direction, and the recurrent weights as they are."""


def choose_packing(
    spec: GruSpec, v: Variant, wanted: str, batch: int | None, constants: dict[str, TensorProto], facts: Facts
) -> str:
    """Choose the packing of a GRU that is lowered to a Scan.

    Args:
        spec: The GRU.
        v: Its variant.
        wanted: One of :data:`PACKINGS`.
        batch: The batch size to expect, ``None`` for any.
        constants: Its constant inputs, by ONNX's input names.
        facts: What is known of the model's values.

    Returns:
        One of :data:`PACKINGS` but ``auto`` and ``plain``.

    """
    if wanted == "plain":
        return "none"
    if wanted == "auto":
        wanted = costs().packing_for(spec.num_directions, spec.linear_before_reset, spec.hidden_size, batch)
        if wanted == "none" and costs().projects_inside(spec.hidden_size, batch, spec.seq_length):
            wanted = "inside"
        if "R" in constants and facts.is_outside(constants["R"]) and wanted not in ("none", "inside"):
            wanted = "fused"  # views of the file that is there are worth more than a kernel
    if wanted in UNPACKED:
        return wanted
    if wanted == "triple" and not v.can_be_packed_in_three:
        wanted = "double"
    if wanted == "double" and not v.can_be_packed_twice:
        wanted = "block" if spec.num_directions > 1 else "fused"
    return wanted if v.can_be_packed else "fused"


def packed(v: Variant, packing: str) -> Variant:
    """Return the variant with what a packing makes of its body."""
    fused = "fused" in packing and v.can_be_fused
    # The scale of X would be another in every step, and its whole numbers would have to be made in every one.
    inside = packing == "inside" and v.mask != "gate" and not v.joins_gates and v.projection == "apart"
    return replace(v, fused=fused, projects_inside=inside) if fused or inside else v


def peels(spec: GruSpec, v: Variant, wanted: str) -> bool:
    """Whether to do the first step of an unpacked Scan outside it."""
    worthwhile = wanted == "auto" and costs().peels(spec.hidden_size, spec.seq_length)
    return worthwhile and v.can_be_peeled and not v.projects_inside
