"""Run a model in OpenVINO, on the CPU and in the model's own precision."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import openvino

from runner import Arrays, main, names

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(model: str, feeds: Arrays, precision: str = "f32", threads: str = "") -> Callable[[], Arrays]:
    """Compile the model.

    Args:
        model: Its path.
        feeds: An array per input.
        precision: What it may compute in, ``f32`` or ``bf16``; empty for OpenVINO's own choice.
        threads: Of the CPU, OpenVINO's own number by default.

    """
    _, outputs = names(model)
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision} if precision else {}
    settings |= {"INFERENCE_NUM_THREADS": threads} if threads else {}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    request = compiled.create_infer_request()
    for name, array in feeds.items():
        request.set_tensor(name, openvino.Tensor(array))

    def call() -> Arrays:
        request.infer()
        return {name: request.get_tensor(name).data for name in outputs}

    return call


def run(model: str, feeds: Arrays) -> Arrays:
    """Compile the model and run it once."""
    return prepare(model, feeds)()


if __name__ == "__main__":
    sys.exit(main(prepare))
