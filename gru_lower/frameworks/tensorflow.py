"""tf.keras.layers.GRU and what is built of it, into ONNX and back: the Keras that TensorFlow has.

That is Keras 3, or with ``TF_USE_LEGACY_KERAS=1`` the package tf_keras, Keras 2, whose hard_sigmoid has another slope.
The tensorflow package is imported by :func:`from_onnx` alone. The calls are documented where they are declared, for
Keras and TensorFlow alike: :class:`gru_lower.frameworks.keras_layers.calls.KerasCalls`.
"""

from __future__ import annotations

from gru_lower.frameworks.descriptions.tensorflow import TENSORFLOW
from gru_lower.frameworks.keras_layers.calls import KerasCalls

_calls = KerasCalls(TENSORFLOW, lambda tensorflow: tensorflow.keras)
to_onnx = _calls.to_onnx
from_onnx = _calls.from_onnx
to_weights = _calls.to_weights
to_config = _calls.to_config

__all__ = ["from_onnx", "to_config", "to_onnx", "to_weights"]
