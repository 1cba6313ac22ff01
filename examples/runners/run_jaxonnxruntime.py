"""Run a model as the JAX function that jaxonnxruntime makes of it."""

from __future__ import annotations

import sys

import numpy as np
import onnx
from jaxonnxruntime import call_onnx

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Make the function and call it; it takes shapes from the values it is first called with."""
    inputs, outputs = names(model)
    given = {name: feeds[name] for name in inputs}
    function, weights = call_onnx.call_onnx_model(onnx.load(model), given)
    results = function(weights, given)
    values = results if isinstance(results, (list, tuple)) else [results]
    return {name: np.asarray(value) for name, value in zip(outputs, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
