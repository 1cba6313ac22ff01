"""The passes by name, each loaded when first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from gru_lower.passes.base import Pass

PASSES = {
    "normalize-gru": ("gru_lower.passes.normalize_gru", "NormalizeGru"),
    "name-outputs": ("gru_lower.passes.name_outputs", "NameOutputs"),
    "merge-gru": ("gru_lower.passes.merge_gru", "MergeGru"),
    "convert-opset": ("gru_lower.passes.convert_opset.convert_opset", "ConvertOpset"),
    "respell-nodes": ("gru_lower.passes.respell_nodes", "RespellNodes"),
    "fold-shapes": ("gru_lower.passes.fold_shapes", "FoldShapes"),
    "fuse-gru": ("gru_lower.passes.fuse_gru.fuse_gru", "FuseGru"),
    "join-directions": ("gru_lower.passes.join_directions.join_directions", "JoinDirections"),
    "legalize-gru": ("gru_lower.passes.legalize_gru.legalize_gru", "LegalizeGru"),
    "legalize-cast": ("gru_lower.passes.legalize_gru.legalize_cast", "LegalizeCast"),
    "legalize-layout": ("gru_lower.passes.legalize_gru.legalize_layout", "LegalizeLayout"),
    "legalize-bidirectional": ("gru_lower.passes.legalize_gru.legalize_bidirectional", "LegalizeBidirectional"),
    "legalize-reverse": ("gru_lower.passes.legalize_gru.legalize_reverse", "LegalizeReverse"),
    "legalize-sequence-lens": ("gru_lower.passes.legalize_gru.legalize_sequence_lens", "LegalizeSequenceLens"),
    "legalize-reset": ("gru_lower.passes.legalize_gru.legalize_reset", "LegalizeReset"),
    "legalize-bias": ("gru_lower.passes.legalize_gru.legalize_bias", "LegalizeBias"),
    "legalize-initial-state": ("gru_lower.passes.legalize_gru.legalize_initial_state", "LegalizeInitialState"),
    "legalize-last-state": ("gru_lower.passes.legalize_gru.legalize_last_state", "LegalizeLastState"),
    "legalize-outputs": ("gru_lower.passes.legalize_gru.legalize_outputs", "LegalizeOutputs"),
    "legalize-forward": ("gru_lower.passes.legalize_gru.legalize_forward", "LegalizeForward"),
    "legalize-hidden-size": ("gru_lower.passes.legalize_gru.legalize_hidden_size", "LegalizeHiddenSize"),
    "legalize-activations": ("gru_lower.passes.legalize_gru.legalize_activations", "LegalizeActivations"),
    "legalize-activation-parameters": (
        "gru_lower.passes.legalize_gru.legalize_activation_parameters",
        "LegalizeActivationParameters",
    ),
    "part-constants": ("gru_lower.passes.part_constants", "PartConstants"),
    "stream": ("gru_lower.passes.stream.stream", "Stream"),
    "quantize-gru": ("gru_lower.passes.quantize_gru.quantize_gru", "QuantizeGru"),
    "lower-gru": ("gru_lower.passes.lower_gru.lower_gru", "LowerGru"),
}
"""By the name of a pass: its module, which ends in that name with underscores, and its class."""


def load(name: str) -> type[Pass]:
    """Return a pass class.

    Raises:
        Unsupported: There is no pass of that name.

    """
    if name not in PASSES:
        hint = did_you_mean(name, PASSES, f"known passes: {', '.join(PASSES)}")
        raise Unsupported(f"there is no pass {name!r}", code="GL008", hint=hint)
    module, attribute = PASSES[name]
    found: type[Pass] = getattr(importlib.import_module(module), attribute)
    return found
