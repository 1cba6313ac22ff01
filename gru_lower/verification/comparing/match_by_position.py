"""Pairing two models' inputs and outputs by their positions, where tools have given them other names."""

from __future__ import annotations

import onnx

from gru_lower.graph.rename_values import rename_interface
from gru_lower.verification.inputs.model_inputs import inputs_of


def matched_by_position(a: onnx.ModelProto, b: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """Return the second model with the names of the first one's inputs and outputs.

    Inputs that have to be fed are paired with such, and those with a default with such.

    Args:
        a: The first model.
        b: The second model; not changed.

    Returns:
        The second model, and what keeps it from being paired, in words; ``""`` for nothing.

    """
    ours, theirs = inputs_of(a), inputs_of(b)
    names: dict[str, str] = {}
    for is_fed in (True, False):
        wanted, given = (
            [name for name, each in spec.items() if (each.default is None) == is_fed] for spec in (ours, theirs)
        )
        if is_fed and len(wanted) != len(given):
            return b, _in_words(len(wanted), len(given), "input")
        if len(wanted) == len(given):
            names.update(zip(given, wanted, strict=True))
    outputs = [value.name for value in a.graph.output]
    if len(outputs) != len(b.graph.output):
        return b, _in_words(len(outputs), len(b.graph.output), "output")
    renamed = onnx.ModelProto()
    renamed.CopyFrom(b)
    rename_interface(renamed, names, outputs)
    return renamed, ""


def renamed_throughout(a: onnx.ModelProto, b: onnx.ModelProto) -> bool:
    """Whether two models have as many inputs and outputs of the same types, in the same order, by other names."""
    ours, theirs = inputs_of(a), inputs_of(b)
    if list(ours) == list(theirs) and [v.name for v in a.graph.output] == [v.name for v in b.graph.output]:
        return False
    sides = []
    for spec, model in ((ours, a), (theirs, b)):
        outputs = [value.type.tensor_type.elem_type for value in model.graph.output]
        sides.append(([each.elem_type for each in spec.values() if each.default is None], outputs))
    return sides[0] == sides[1]


def _in_words(first: int, second: int, what: str) -> str:
    return f"the first model has {first} {what}{'' if first == 1 else 's'}, the second {second}"
