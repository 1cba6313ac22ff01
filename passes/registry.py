"""The passes by name, loaded when first asked for, and the language of ``--passes``.

normalize-gru,lower-gru{form=scan zero_length_state=initial}
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
from typing import TYPE_CHECKING, Any

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from gru_lower.passes.base import Pass

PASSES = {
    "normalize-gru": ("gru_lower.passes.normalize_gru", "NormalizeGru"),
    "merge-gru": ("gru_lower.passes.merge_gru", "MergeGru"),
    "convert-opset": ("gru_lower.passes.convert_opset", "ConvertOpset"),
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
    "legalize-hidden-size": ("gru_lower.passes.legalize_gru.legalize_hidden_size", "LegalizeHiddenSize"),
    "legalize-activations": ("gru_lower.passes.legalize_gru.legalize_activations", "LegalizeActivations"),
    "legalize-activation-parameters": (
        "gru_lower.passes.legalize_gru.legalize_activation_parameters",
        "LegalizeActivationParameters",
    ),
    "lower-gru": ("gru_lower.passes.lower_gru.lower_gru", "LowerGru"),
}
"""Name: the module and the class."""

_SPEC = re.compile(r"\s*([a-z][a-z-]*)\s*(?:\{([^{}]*)\})?\s*(?:,|$)")


def load(name: str) -> type[Pass]:
    """Return a pass class.

    Raises:
        Unsupported: There is no pass of that name.

    """
    if name not in PASSES:
        near = difflib.get_close_matches(name, PASSES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known passes: {', '.join(PASSES)}"
        raise Unsupported(f"there is no pass {name!r}", code="GL008", hint=hint)
    module, attribute = PASSES[name]
    found: type[Pass] = getattr(importlib.import_module(module), attribute)
    return found


def parse(spec: str) -> list[Pass]:
    """Read a pipeline such as ``"normalize-gru,lower-gru{form=scan}"``.

    Raises:
        Unsupported: The text is no pipeline, or names an unknown pass, option or value.

    """
    passes: list[Pass] = []
    position = 0
    while position < len(spec):
        match = _SPEC.match(spec, position)
        if match is None:
            raise Unsupported(
                f"cannot read the pipeline from {spec[position:]!r} on",
                code="GL008",
                hint='write it like "normalize-gru,lower-gru{form=scan}"',
            )
        kind = load(match.group(1))
        passes.append(kind(_options(kind, match.group(2) or "")))
        position = match.end()
    if not passes:
        raise Unsupported("the pipeline is empty", code="GL008", hint=f"known passes: {', '.join(PASSES)}")
    return passes


def _typed(kind: type[Pass], key: str, wanted: Any, value: str) -> Any:  # noqa: ANN401 - a field's type and value
    if wanted not in (int, "int"):
        return value
    if not value.isdigit():
        raise Unsupported(f"{kind.name}: {key} cannot be {value!r}", code="GL008", hint="a whole number is wanted")
    return int(value)


def _options(kind: type[Pass], text: str) -> Any:  # noqa: ANN401 - each pass has its own options type
    fields = {field.name: field for field in dataclasses.fields(kind.Options)}
    values: dict[str, Any] = {}
    for word in re.split(r"[\s,]+", text.strip()) if text.strip() else []:
        key, equals, value = word.partition("=")
        key = key.replace("-", "_")
        if key not in fields or not equals:
            known = ", ".join(fields) or "none"
            raise Unsupported(f"{kind.name} has no option {word!r}", code="GL008", hint=f"its options: {known}")
        allowed = fields[key].metadata.get("choices")
        if allowed and value not in allowed:
            raise Unsupported(
                f"{kind.name}: {key} cannot be {value!r}", code="GL008", hint=f"one of {', '.join(allowed)}"
            )
        values[key] = _typed(kind, key, fields[key].type, value)
    return kind.Options(**values)
