"""The environment in which a process of gru-lower's own starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OF_A_TEST = "PYTEST_CURRENT_TEST"
"""A variable that pytest changes with every test, and that means nothing to a process which is kept for the next."""


def environment() -> dict[str, str]:
    """Return an environment in which a new interpreter imports exactly what this one does, from any folder."""
    root = str(Path(__file__).absolute().parents[2])
    paths = [str(Path(entry).absolute()) for entry in sys.path if entry]
    if root not in paths:
        paths.insert(0, root)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # From 1.29 on, onnxruntime reports each session, with names and hashes of the model, to its maker.
    private = {"ORT_DISABLE_TELEMETRY": "1"}
    inherited = {name: value for name, value in os.environ.items() if name != OF_A_TEST}
    return inherited | one_thread | private | {"PYTHONPATH": os.pathsep.join(paths)}
