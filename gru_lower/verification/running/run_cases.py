"""Run a pair of models on the same inputs: the original until it has run often enough, then the rewrite."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIME_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.running.running_model import RunningModel
    from gru_lower.verification.steps import Steps
    from gru_lower.verification.worker.runtimes import Runtime


@dataclass(frozen=True)
class Case:
    """Inputs the original ran on, its outputs, and their place among the inputs that were tried."""

    number: int
    feeds: Feeds
    outputs: Feeds


def run_original(
    model: RunningModel,
    runtime: Runtime,
    candidates: Iterable[Feeds],
    wanted: int,
    say: Steps,
    rewrite: RunningModel | None = None,
) -> tuple[list[Case], RunFailure | None]:
    """Run the original on candidates until it has run on `wanted`.

    Args:
        model: The original.
        runtime: What runs it.
        candidates: Inputs.
        wanted: How many cases there are to be.
        say: Called with each step.
        rewrite: What will be run on the same cases, and may begin to.

    Returns:
        The cases, and the first failure.

    """
    cases: list[Case] = []
    first: RunFailure | None = None
    if wanted > 1 and runtime == "onnxruntime" and model.is_ahead:
        candidates = _begun(model, candidates, lambda: wanted - len(cases))
    for number, feeds in enumerate(candidates):
        say(f"original in {RUNTIME_NAMES[runtime]}, case", len(cases) + 1, wanted)
        try:
            outputs = model.run(runtime, feeds)
        except RunFailure as failure:
            first = first or failure
            if failure.kind in {"timeout", "memory"} or model.runtime is None:
                break  # the next inputs are larger, or it does not even load
            continue
        if _has_finite_float(outputs):
            cases.append(Case(number, feeds, outputs))
            if rewrite is not None:
                rewrite.run_ahead(feeds)
        else:
            first = first or RunFailure("error", "every float in its outputs is NaN or infinite")
        if len(cases) == wanted:
            break
    return cases, first


def _begun(model: RunningModel, candidates: Iterable[Feeds], wanted: Callable[[], int]) -> Iterator[Feeds]:
    """Yield inputs, having begun to run as many as are wanted if all of them will do."""
    waiting: deque[Feeds] = deque()
    for feeds in candidates:
        model.run_ahead(feeds)
        waiting.append(feeds)
        while len(waiting) >= wanted():
            yield waiting.popleft()
    yield from waiting


def run_rewrite(
    model: RunningModel, runtimes: Iterable[Runtime], cases: Sequence[Case], say: Steps
) -> tuple[list[Feeds], Runtime]:
    """Run the rewrite on the cases, in the first runtime in which it runs on all.

    Raises:
        RunFailure: It runs in none; the first failure.

    """
    failures = []
    for runtime in runtimes:
        try:
            outputs = []
            for count, case in enumerate(cases, 1):
                say(f"rewrite in {RUNTIME_NAMES[runtime]}, case", count, len(cases))
                outputs.append(model.run(runtime, case.feeds))
        except RunFailure as failure:
            failures.append(failure)
        else:
            return outputs, runtime
    raise failures[0]


def _has_finite_float(outputs: Feeds) -> bool:
    """Whether some float is finite, or there are none: NaN equals NaN, so outputs of nothing else prove nothing."""
    floats = [array for array in outputs.values() if is_float(array.dtype) and array.size]
    return not floats or any(bool(np.isfinite(array).any()) for array in floats)
