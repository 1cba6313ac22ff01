"""TensorFlow through tf2onnx: train a tf.keras model, and convert a function that calls it."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import digits
import numpy as np
import tensorflow as tf

for name in ("object", "bool", "cast"):  # which tf2onnx 1.17 still asks numpy for
    if name not in vars(np):
        setattr(np, name, {"object": object, "bool": bool}.get(name, {}))

import tf2onnx


def main() -> None:
    """Run the pipeline."""
    tf.keras.utils.set_random_seed(0)
    (x, labels), (x_test, labels_test) = digits.data()
    model = tf.keras.Sequential([tf.keras.layers.GRU(digits.HIDDEN), tf.keras.layers.Dense(digits.CLASSES)])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(digits.RATE), loss)
    model.fit(x, labels, batch_size=digits.BATCH, epochs=digits.EPOCHS, verbose=0)
    wanted = model(x_test).numpy()
    signature = [tf.TensorSpec(x_test.shape, tf.float32, name="x")]
    function = tf.function(lambda given: model(given, training=False), input_signature=signature)
    exported, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    digits.finish("tf2onnx", exported, x_test, wanted, labels_test)


if __name__ == "__main__":
    main()
