"""Convert a model to LiteRT by onnx2tf and run it in LiteRT for Microcontrollers: floats, int8 or int16."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from tflite_micro.python.tflite_micro import runtime

import litert
from chips import Built, Job, main, once
from runner import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner import Arrays

ARENA = 1 << 24
"""Bytes for tensors; far more than a small model takes."""


def build(job: Job) -> Built:
    """Convert the model and load it."""
    model = litert.converted(job)
    return Built(interpreted(job, model), {"CPU": dict(Counter(litert.operators(model)))})


def interpreted(job: Job, model: Path) -> Callable[[Arrays], Arrays]:
    """Return what runs a LiteRT model, with whole numbers where it has them."""
    inputs, outputs = names(str(job.model))
    first, last = litert.places(model, inputs, outputs)
    interpreter = runtime.Interpreter.from_file(str(model), arena_size=ARENA)

    def run(feeds: Arrays) -> Arrays:
        for name, place in zip(inputs, first, strict=True):
            details = interpreter.get_input_details(place)
            interpreter.set_input(litert.to_whole(feeds[name], details).reshape(details["shape"]), place)
        interpreter.invoke()
        return {
            name: litert.to_float(interpreter.get_output(place), interpreter.get_output_details(place))
            for name, place in zip(outputs, last, strict=True)
        }

    return run


run = once(build)

if __name__ == "__main__":
    sys.exit(main(build))
