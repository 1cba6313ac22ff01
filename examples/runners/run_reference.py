"""Run a model in the ReferenceEvaluator of the package onnx."""

from __future__ import annotations

import sys

import numpy as np
from onnx.reference import ReferenceEvaluator

from runner import Arrays, main


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model node by node in numpy."""
    evaluator = ReferenceEvaluator(model)
    results = evaluator.run(None, feeds)
    return {name: np.asarray(value) for name, value in zip(evaluator.output_names, results, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
