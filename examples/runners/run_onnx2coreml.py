"""Convert a model by onnx2coreml, which is all that can be done of it without Apple's systems.

A model that is not converted is rejected. What is handed out for one that is are onnxruntime's numbers, not Core ML's:
this runner says what converts, never that it is right.
"""

from __future__ import annotations

import sys

import onnx2coreml
import onnxruntime

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model, and run the ONNX model in onnxruntime."""
    _, outputs = names(model)
    onnx2coreml.convert(model)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(outputs, feeds), strict=True))


if __name__ == "__main__":
    sys.exit(main(run))
