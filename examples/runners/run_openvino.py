"""Run a model in OpenVINO, on the CPU and in the model's own precision."""

from __future__ import annotations

import sys

import openvino

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Compile the model and run it once."""
    _, outputs = names(model)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(feeds)
    return {name: results[name] for name in outputs}


if __name__ == "__main__":
    sys.exit(main(run))
