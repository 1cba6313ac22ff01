"""Keras 2 and Keras 3 by tf2onnx, held to what a network computes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from lowering import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lowering import Array

VERSIONS = ["tf_keras", "keras"]
"""Keras 2 and Keras 3: modules of the same names, whose networks become different graphs."""


def export(
    network: Any, given: Mapping[str, Array], path: Path, sizes: Mapping[str, Sequence[int | None]] | None = None
) -> tuple[Path, list[Array]]:
    """Export a network with tf2onnx; return where, and what the network computes.

    Args:
        network: One of either Keras.
        given: Its inputs by name, in order.
        path: Where to write it.
        sizes: Shapes by input; ``None`` stays open. Without, all but the last axis does.
    """
    import tensorflow as tf
    import tf2onnx

    def shape(name: str, array: Array) -> Sequence[int | None]:
        return sizes[name] if sizes else [*(None for _ in array.shape[:-1]), array.shape[-1]]

    signature = [tf.TensorSpec(shape(name, array), array.dtype, name=name) for name, array in given.items()]

    def call(*inputs: Any) -> Any:
        return network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    traced = tf.function(call, input_signature=signature)
    tf2onnx.convert.from_function(traced, input_signature=signature, opset=17, output_path=str(path))
    own = call(*given.values())
    made = [np.asarray(each) for each in (own if isinstance(own, list | tuple) else [own])]
    for now, was in zip(run(onnx.load(path), given).values(), made, strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5)
    return path, made
