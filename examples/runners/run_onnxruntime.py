"""Run a model in onnxruntime, on the CPU."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import onnxruntime

from runner import Arrays, main

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(model: str, feeds: Arrays, threads: str = "1") -> Callable[[], Arrays]:
    """Load the model as it is.

    Args:
        model: Its path.
        feeds: An array per input.
        threads: Of the CPU.

    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = int(threads), 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = [value.name for value in session.get_outputs()]
    return lambda: dict(zip(outputs, session.run(outputs, feeds), strict=True))


def run(model: str, feeds: Arrays) -> Arrays:
    """Load the model and run it once."""
    return prepare(model, feeds)()


if __name__ == "__main__":
    sys.exit(main(prepare))
