"""What is done to a model before it is streamed: functions are inlined, Ifs resolved, and what nothing uses dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.constant_ifs import resolve_constant_ifs
from gru_lower.graph.facts import Facts
from gru_lower.graph.onnx_calls import inlined
from gru_lower.passes.stream.needed_nodes import drop_unused

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


def prepare(model: Model) -> None:
    """Inline local functions, resolve what is decided already, and drop what nothing uses.

    Args:
        model: Edited in place.

    """
    if model.proto.functions:
        model.proto.CopyFrom(inlined(model.proto))
        model.modified = True
    while resolve_constant_ifs(model, Facts(model)):
        model.modified = True
    if drop_unused(model.proto.graph):
        model.modified = True
