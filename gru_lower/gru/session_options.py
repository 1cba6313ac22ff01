"""What onnxruntime has to be told to run GRU nodes with quantised weights as fast as with float ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    import onnx

    from gru_lower.graph.scopes import Scope

FOLDS_WEIGHTS = {"session.disable_quant_qdq": "1"}
"""Computes DequantizeLinear nodes of constants when a model is loaded; otherwise they run in every call."""
WEIGHTS = slice(1, 3)
"""Where W and R stand among a GRU's inputs."""


def session_options(model: onnx.ModelProto) -> dict[str, str]:
    """Return entries for ``SessionOptions.add_session_config_entry`` that a model wants.

    They are for models whose GRU nodes read weights behind a DequantizeLinear, and in which nothing else is quantised:
    with them, onnxruntime computes what is between a DequantizeLinear and a QuantizeLinear in floats.

    Args:
        model: The model.

    """
    scopes = list(walk(model))
    if any(is_onnx(node, "QuantizeLinear") for scope in scopes for node in scope.nodes):
        return {}
    for scope in scopes:
        for node in scope.nodes:
            if is_onnx(node, "GRU") and any(_is_dequantised(scope, name) for name in node.input[WEIGHTS]):
                return dict(FOLDS_WEIGHTS)
    return {}


def _is_dequantised(scope: Scope, name: str) -> bool:
    home = scope.find(name) if name else None
    index = None if home is None else home.producers.get(name)
    return home is not None and index is not None and is_onnx(home.nodes[index], "DequantizeLinear")
