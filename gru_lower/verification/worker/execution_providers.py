"""Start a worker on the execution providers of onnxruntime that the user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.nearest_word import did_you_mean
from gru_lower.verification.worker.client import Worker

if TYPE_CHECKING:
    from gru_lower.verification.options import VerifyOptions


def worker_for(options: VerifyOptions) -> Worker:
    """Return a worker within the limits of the options and on their execution providers.

    Raises:
        Unsupported: The onnxruntime installed has no such provider.

    """
    worker = Worker(timeout=options.timeout, memory=options.memory)
    if options.providers:
        worker.providers = tuple(_provider(name, worker) for name in options.providers)
    return worker


def _provider(name: str, worker: Worker) -> str:
    """Return the full name of an execution provider: CUDAExecutionProvider for "cuda"."""
    there = worker.available()
    for full in there:
        if name.lower() in (full.lower(), full.lower().removesuffix("executionprovider")):
            return full
    worker.close()
    listed = ", ".join(there)
    short = [full.removesuffix("ExecutionProvider") for full in there]
    raise Unsupported(
        f"the onnxruntime installed has no execution provider {name!r}",
        code="GL505",
        hint=did_you_mean(name, short, f"it has {listed}; for another, install the onnxruntime made for it"),
    )
