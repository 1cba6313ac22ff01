"""Keras 3 on TensorFlow, torch or JAX (KERAS_BACKEND): train, and export with Keras's own exporter."""

from __future__ import annotations

import tempfile
from pathlib import Path

import digits
import keras
import numpy as np
import onnx


def main() -> None:
    """Run the pipeline."""
    keras.utils.set_random_seed(0)
    (x, labels), (x_test, labels_test) = digits.data()
    inputs = keras.Input((digits.STEPS, digits.INPUTS), name="x")
    head = keras.layers.Dense(digits.CLASSES)
    model = keras.Model(inputs, head(keras.layers.GRU(digits.HIDDEN)(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(digits.RATE), loss)
    model.fit(x, labels, batch_size=digits.BATCH, epochs=digits.EPOCHS, verbose=0)
    wanted = np.asarray(keras.ops.convert_to_numpy(model(x_test)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.onnx"
        model.export(path, format="onnx", verbose=False)
        digits.finish(f"Keras on {keras.backend.backend()}", onnx.load(path), x_test, wanted, labels_test)


if __name__ == "__main__":
    main()
