"""crema's chords: two bidirectional GRUs behind convolutions, a normalisation between them; Keras 2, and as Keras 3."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

from real_models.held import hold_fused
from real_models.tensorflow_export import VERSIONS, export
from real_models.wheels import module, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

CREMA = "crema==0.2.0"


def keras2() -> Any:
    """Load the package's model with its own layer, which speaks Keras 2."""
    import tf_keras

    names = {"keras": tf_keras, "keras.backend": tf_keras.backend, "keras.layers": tf_keras.layers}
    with mock.patch.dict(sys.modules, names):
        layers = module(CREMA, "crema/layers.py")
    folder = unpacked(CREMA) / "crema" / "models" / "chord"
    config = pickle.loads((folder / "model_spec.pkl").read_bytes())  # noqa: S301 - of a pinned package
    network = tf_keras.models.model_from_config(config, custom_objects={"SqueezeLayer": layers.SqueezeLayer})
    network.load_weights(str(folder / "model.h5"))
    return network


def keras3(own: Any) -> Any:
    """Return the same network of Keras 3, whose own hard sigmoid is another one."""
    import keras
    from keras import layers

    @keras.saving.register_keras_serializable()
    def hard_sigmoid_of_keras2(x: Any) -> Any:
        return keras.ops.clip(0.2 * x + 0.5, 0, 1)

    def recurrent() -> Any:
        gru = layers.GRU(128, return_sequences=True, reset_after=False, recurrent_activation=hard_sigmoid_of_keras2)
        return layers.Bidirectional(gru)

    x = given = keras.Input((None, 216, 2))
    x = layers.BatchNormalization()(x)
    x = layers.BatchNormalization()(layers.Conv2D(1, (5, 5), padding="same", activation="relu")(x))
    x = layers.BatchNormalization()(layers.Conv2D(72, (1, 216), activation="relu")(x))
    x = layers.BatchNormalization()(recurrent()(layers.Reshape((-1, 72))(x)))
    x = recurrent()(x)
    heads = [layers.Dense(n, activation=f)(x) for n, f in ((12, "sigmoid"), (13, "softmax"), (13, "softmax"))]
    together = layers.BatchNormalization()(layers.Concatenate()([x, *heads]))
    network = keras.Model(given, [layers.Dense(170, activation="softmax")(together), *heads])
    for layer, there in zip(
        (each for each in network.layers if each.weights), (each for each in own.layers if each.weights), strict=True
    ):
        layer.set_weights(there.get_weights())
    return network


@pytest.mark.parametrize("version", VERSIONS)
def test_fused(version: str, tmp_path: Path) -> None:
    """Both directions of both layers."""
    own = keras2()
    feeds = {"cqt": np.random.default_rng(0).standard_normal((1, 20, 216, 2)).astype(np.float32)}
    network = own if version == "tf_keras" else keras3(own)
    path, made = export(network, feeds, tmp_path / "chord.onnx", {"cqt": (None, None, 216, 2)})
    for here, there in zip(made, own(feeds["cqt"], training=False), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-5)
    hold_fused(path, feeds, {"bidirectional": 2})
