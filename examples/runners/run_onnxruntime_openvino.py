"""Run a model in onnxruntime's OpenVINO provider; onnxruntime itself runs the nodes that it leaves, such as views."""

from __future__ import annotations

import sys

import onnxruntime

from runner import Arrays, main, names

PROVIDER = "OpenVINOExecutionProvider"


def run(model: str, feeds: Arrays) -> Arrays:
    """Create a session and run it."""
    _, outputs = names(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, [(PROVIDER, {"device_type": "CPU"})])
    if session.get_providers()[0] != PROVIDER:
        raise RuntimeError("onnxruntime has no OpenVINO provider here")
    return dict(zip(outputs, session.run(outputs, feeds), strict=True))


if __name__ == "__main__":
    sys.exit(main(run))
