"""Run a model in onnxruntime, on the CPU."""

from __future__ import annotations

import sys

import onnxruntime

from runner import Arrays, main


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model as it is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = [value.name for value in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, feeds), strict=True))


if __name__ == "__main__":
    sys.exit(main(run))
