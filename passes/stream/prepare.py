"""What is done to a model before it is streamed: functions are inlined, and Ifs resolved that are decided already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.constant_ifs import resolve_constant_ifs
from gru_lower.graph.facts import Facts
from gru_lower.graph.onnx_calls import inlined

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


def prepare(model: Model) -> None:
    """Inline local functions, and resolve what is decided already.

    Args:
        model: Edited in place.

    """
    if model.proto.functions:
        model.proto.CopyFrom(inlined(model.proto))
        model.modified = True
    while resolve_constant_ifs(model, Facts(model)):
        model.modified = True
