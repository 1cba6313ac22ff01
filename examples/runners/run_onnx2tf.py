"""Convert a model to LiteRT by onnx2tf, and run it in the interpreter of ai-edge-litert."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported

import numpy as np
import onnx2tf
from ai_edge_litert.interpreter import Interpreter

from runner import Arrays, main, names


def converted(model: str, folder: str) -> Path:
    """Convert a model with its own layout kept; return the LiteRT model in an empty folder."""
    path, (inputs, _) = Path(model).resolve(), names(model)
    with contextlib.chdir(folder):  # it leaves files where it stands
        onnx2tf.convert(
            input_onnx_file_path=str(path),
            output_folder_path=folder,
            keep_shape_absolutely_input_names=inputs,
            copy_onnx_input_output_names_to_tflite=True,
            not_use_onnxsim=True,
            non_verbose=True,
        )
    return next(Path(folder).glob("*_float32.tflite"))


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model and run it by its signature."""
    inputs, outputs = names(model)
    with tempfile.TemporaryDirectory() as folder:
        interpreter = Interpreter(str(converted(model, folder)))
        results = interpreter.get_signature_runner()(**{name: feeds[name] for name in inputs})
        return {name: np.array(results[name]) for name in outputs}


if __name__ == "__main__":
    sys.exit(main(run))
