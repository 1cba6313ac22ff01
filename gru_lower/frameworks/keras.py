"""keras.layers.GRU, GRUCell, RNN of GRUCells and Bidirectional, into ONNX and back, on whichever backend.

The keras package is imported by :func:`from_onnx` alone: layers are read through their own attributes, and weights
are numpy arrays. The calls are documented where they are declared, for Keras and TensorFlow alike:
:class:`gru_lower.frameworks.keras_layers.calls.KerasCalls`.
"""

from __future__ import annotations

from gru_lower.frameworks.descriptions.keras import KERAS
from gru_lower.frameworks.keras_layers.calls import KerasCalls

_calls = KerasCalls(KERAS, lambda keras: keras)
to_onnx = _calls.to_onnx
from_onnx = _calls.from_onnx
to_weights = _calls.to_weights
to_config = _calls.to_config

__all__ = ["from_onnx", "to_config", "to_onnx", "to_weights"]
