"""TensorFlow: tf.keras.layers.GRU, which is that of Keras."""

from __future__ import annotations

from dataclasses import replace

from gru_lower.frameworks.descriptions.keras import KERAS

TENSORFLOW = replace(
    KERAS,
    key="tensorflow",
    title="TensorFlow",
    package="tensorflow",
    extra="tensorflow",
    layer="tf.keras.layers.GRU",
    page="https://www.tensorflow.org/api_docs/python/tf/keras/layers/GRU",
)
