"""netra's English to Khmer: a bidirectional encoder, and a decoder's step with attention behind the GRU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from lowering import Array, holds_gru
from real_models.held import hold_fused, hold_portable, open_dims
from real_models.tensorflow_export import VERSIONS, export
from real_models.wheels import module, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

NETRA = "netra-transliterate==1.0.1"


def layers_of(network: Any) -> dict[str, Any]:
    return {type(layer).__name__: layer for layer in network.layers if layer.weights}


def like(own: Any, fresh: Any) -> Any:
    """Give a network's layers the weights of one that has the same."""
    for name, layer in layers_of(fresh).items():
        there = layers_of(own)
        layer.set_weights(there[name if name in there else "TimeDistributed"].get_weights())
    return fresh


def encoder(keras: Any, own: Any) -> Any:
    """Return the encoder in either Keras; a Dense over time is what the package has wrapped as TimeDistributed."""
    layers, parts = keras.layers, layers_of(own)
    given = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(*parts["Embedding"].get_weights()[0].shape)(given)
    dense = parts["TimeDistributed"].layer
    both = layers.Bidirectional(layers.GRU(dense.units, return_sequences=True))(embedded)
    return like(own, keras.Model(given, layers.Dense(dense.units, activation=dense.activation.__name__)(both)))


def decoder(keras: Any, own: Any, units: int) -> Any:
    """Return the decoder in either Keras, from a letter, a state and encodings to scores and a state."""
    layers, parts = keras.layers, layers_of(own)
    letters, state = keras.Input((1,), dtype="int32"), keras.Input((units,))
    encoded = keras.Input((None, units))
    embedded = layers.Embedding(*parts["Embedding"].get_weights()[0].shape)(letters)
    y, h = layers.GRU(units, return_sequences=True, return_state=True)(embedded, initial_state=state)
    context = layers.AdditiveAttention(use_scale=parts["AdditiveAttention"].use_scale)([y, encoded])
    scores = layers.Dense(parts["Dense"].units, activation="softmax")(layers.Concatenate()([y, context]))
    return like(own, keras.Model([letters, state, encoded], [scores, h]))


@pytest.fixture(scope="module")
def own() -> tuple[Any, Any, int]:
    """What the package makes of its model: an encoder and a decoder of Keras 3, and how wide the state is."""
    import keras

    weights = unpacked(NETRA) / "khmer_transliterator" / "weights"
    network = keras.models.load_model(weights / "bi_gru_attention_khmer_transliterator.keras")
    models: tuple[Any, Any, int] = module(NETRA, "khmer_transliterator/_model.py").build_inference_models(network)
    return models


def hold(path: Path, feeds: dict[str, Array], fused: dict[str, int]) -> None:
    """Lower for portable what is a GRU already, or what was fused into one first."""
    if not holds_gru(onnx.load(path)):
        model = hold_fused(path, feeds, fused, steps=True)
        onnx.save(model, path)
    hold_portable(path, feeds, opset=17, fix_dims=open_dims(path, feeds))


@pytest.mark.parametrize("version", VERSIONS)
def test_encoder(own: tuple[Any, Any, int], version: str, tmp_path: Path) -> None:
    feeds = {"letters": np.array([[3, 5, 7, 1, 2, 0, 0, 0]], np.int32)}
    network = encoder(pytest.importorskip(version), own[0])
    path, made = export(network, feeds, tmp_path / "encoder.onnx", {"letters": (None, None)})
    np.testing.assert_allclose(made[0], own[0](feeds["letters"], training=False)[1], rtol=1e-4, atol=1e-5)
    hold(path, feeds, {"bidirectional": 1})


@pytest.mark.parametrize("version", VERSIONS)
def test_decoder(own: tuple[Any, Any, int], version: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    feeds = {
        "letters": np.array([[1]], np.int32),
        "state": rng.uniform(-1, 1, (1, own[2])).astype(np.float32),
        "encoded": rng.uniform(-1, 1, (1, 8, own[2])).astype(np.float32),
    }
    network = decoder(pytest.importorskip(version), own[1], own[2])
    sizes = {"letters": (1, 1), "state": (1, own[2]), "encoded": (1, None, own[2])}  # one beam, as the package has it
    path, made = export(network, feeds, tmp_path / "decoder.onnx", sizes)
    for here, there in zip(made, own[1](list(feeds.values()), training=False), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-5)
    hold(path, feeds, {"forward": 1})
