"""Run a pair of models on the same inputs: the original until it has run often enough, then the rewrite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.comparing.tolerance import is_float
from gru_lower.verification.worker.client import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gru_lower.verification.result import Feeds
    from gru_lower.verification.running.side import Side
    from gru_lower.verification.worker.client import Runtime

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "reference")
NAMES: dict[Runtime, str] = {"onnxruntime": "onnxruntime", "reference": "onnx.reference"}


@dataclass(frozen=True)
class Case:
    """Inputs the original ran on, its outputs, and their place among the inputs that were tried."""

    number: int
    feeds: Feeds
    outputs: Feeds


def run_original(
    side: Side, runtime: Runtime, candidates: Iterable[Feeds], wanted: int, say: Callable[[str], None]
) -> tuple[list[Case], RunFailure | None]:
    """Run the original on candidates until it has run on `wanted`; return those cases and the first failure."""
    cases: list[Case] = []
    first: RunFailure | None = None
    for number, feeds in enumerate(candidates):
        say(f"original in {NAMES[runtime]}, case {len(cases) + 1} of {wanted}")
        try:
            outputs = side.run(runtime, feeds)
        except RunFailure as failure:
            first = first or failure
            if failure.kind in {"timeout", "memory"} or side.runtime is None:
                break  # the next inputs are larger, or it does not even load
            continue
        if _says_something(outputs):
            cases.append(Case(number, feeds, outputs))
        else:
            first = first or RunFailure("error", "every float in its outputs is NaN or infinite")
        if len(cases) == wanted:
            break
    return cases, first


def run_rewrite(
    side: Side, runtimes: Iterable[Runtime], cases: Sequence[Case], say: Callable[[str], None]
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
                say(f"rewrite in {NAMES[runtime]}, case {count} of {len(cases)}")
                outputs.append(side.run(runtime, case.feeds))
        except RunFailure as failure:
            failures.append(failure)
        else:
            return outputs, runtime
    raise failures[0]


def _says_something(outputs: Feeds) -> bool:
    """Whether some float is finite, or there are none: NaN equals NaN, so outputs of nothing else prove nothing."""
    floats = [array for array in outputs.values() if is_float(array.dtype) and array.size]
    return not floats or any(bool(np.isfinite(array).any()) for array in floats)
