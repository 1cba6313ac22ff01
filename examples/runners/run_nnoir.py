"""Convert a model to NNOIR by nnoir-onnx, and run it in the numpy functions that nnoir has for its operators."""

from __future__ import annotations

import sys

from nnoir_onnx import ONNX

from runner import Arrays, as_declared, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model and run it."""
    inputs, outputs = names(model)
    converted = ONNX(model, "model").to_NNOIR()
    found = converted.run(*(feeds[name] for name in inputs))
    return as_declared(model, dict(zip(outputs, found, strict=True)))


if __name__ == "__main__":
    sys.exit(main(run))
