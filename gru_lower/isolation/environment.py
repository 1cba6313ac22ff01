"""The environment in which a process of gru-lower's own starts."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_A_TEST = "PYTEST_CURRENT_TEST"
"""A variable that pytest changes with every test, and that means nothing to a process which is kept for the next."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Variables with which numpy's library of matrix products starts no threads."""


def environment() -> dict[str, str]:
    """Return an environment in which a new interpreter imports exactly what this one does, from any folder."""
    root = str(Path(__file__).absolute().parents[2])
    paths = [str(Path(entry).absolute()) for entry in sys.path if entry]
    if root not in paths:
        paths.insert(0, root)
    # From 1.29 on, onnxruntime reports each session, with names and hashes of the model, to its maker.
    private = {"ORT_DISABLE_TELEMETRY": "1"}
    inherited = {name: value for name, value in os.environ.items() if name != OF_A_TEST}
    return inherited | ONE_THREAD | private | {"PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let libraries that are loaded meanwhile start no threads, unless the user has said how many."""
    added = ONE_THREAD.keys() - os.environ.keys()
    os.environ.update({name: ONE_THREAD[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
