"""Run a model in tinygrad: compiled by clang where that is installed, else in its interpreter."""

from __future__ import annotations

import os
import shutil
import sys

os.environ.setdefault("DEV", "CPU" if shutil.which("clang") else "PYTHON")  # read when tinygrad is imported

from tinygrad import Tensor
from tinygrad.nn.onnx import OnnxRunner

from runner import Arrays, main


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model node by node, which records them all, and compute its outputs."""
    results = OnnxRunner(model)({name: Tensor(array) for name, array in feeds.items()})
    return {name: value.numpy() for name, value in results.items()}


if __name__ == "__main__":
    sys.exit(main(run))
