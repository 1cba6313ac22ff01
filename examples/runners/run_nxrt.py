"""Run a model in nxrt, on the CPU."""

from __future__ import annotations

import sys

import nxrt

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Load the model and run it."""
    _, outputs = names(model)
    return dict(zip(outputs, nxrt.InferenceSession(model).run(outputs, feeds), strict=True))


if __name__ == "__main__":
    sys.exit(main(run))
