"""Convert a model to Keras by onnx2kerastl and run it in TensorFlow; its axes stay as they stand."""

from __future__ import annotations

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read when tensorflow is imported

import numpy as np
import onnx
from onnx2kerastl import onnx_to_keras

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert and run the model."""
    inputs, outputs = names(model)
    made = onnx_to_keras(onnx.load(model), inputs, name_policy="attach_weights_name", verbose=False).converted_model
    found = made([feeds[name] for name in inputs])
    results = found if isinstance(found, tuple | list) else [found]
    return {name: np.asarray(each) for name, each in zip(outputs, results, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
