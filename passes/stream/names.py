"""Names for what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.graph.names import Names

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope


def names_of(scope: Scope) -> Names:
    """Return what hands out names that the main graph does not use."""
    graph = scope.proto
    return Names(onnx.ModelProto(graph=graph) if isinstance(graph, onnx.GraphProto) else onnx.ModelProto())
