"""How long one run of a model takes before and after, for a report: timed briefly, on the inputs of a verification."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.verification.evidence.output_evidence import described
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.timing import FEWEST_ROUNDS, WARM_UP, Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.options import VerifyOptions

SECONDS = 0.02
"""How long both are timed, once they have run as often as it takes to say anything."""
SLOWEST = 0.5
"""Seconds that one run of each may take together: what takes longer is left to ``gru-lower bench``."""


@dataclass(frozen=True)
class PairLatency(PlainData):
    """Seconds that one run takes.

    Attributes:
        before: Of the original.
        after: Of the rewrite.
        ratio: How much longer the rewrite takes: above 1, it is slower.
        rounds: How often each was timed.
        inputs: Name, type and shape of what they ran on.
        push: Of a rewrite that streams, what it ran on instead: one push of frames; empty of any other.

    """

    before: Spread
    after: Spread
    ratio: Spread
    rounds: int
    inputs: list[dict[str, Any]]
    push: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "ratio": self.ratio.to_dict(),
            "clock": "cpu",
            "threads": 1,
            "rounds": self.rounds,
            "inputs": self.inputs,
            **({"push": self.push} if self.push else {}),
        }


def time_pair(
    models: Sequence[tuple[onnx.ModelProto, Path | None]],
    feeds: Feeds,
    options: VerifyOptions,
    push: Feeds | None = None,
) -> PairLatency | str:
    """Time two models in turn, on one thread of onnxruntime's CPU.

    Args:
        models: The original and the rewrite, each with the folder of its external data.
        feeds: What both run on.
        options: Limits.
        push: What the rewrite runs on instead, where it streams; the two are timed one after the other then.

    Returns:
        The times, or why there are none, in a few words.

    """
    with Worker(timeout=options.timeout, memory=options.memory) as worker:
        try:
            handles = [worker.load(proto, base_dir, threads=1) for proto, base_dir in models]
            began = time.monotonic()
            given = (feeds, feeds if push is None else push)
            for handle, each in zip(handles, given, strict=True):
                worker.run(handle, each)
            took = time.monotonic() - began
            if took > SLOWEST:
                return f"one run of both takes {took:.1f} s: gru-lower bench times them"
            how = {"clock": "cpu", "seconds": SECONDS, "rounds": None}
            limit = options.timeout + (WARM_UP + FEWEST_ROUNDS) * took * 10
            if push is None:
                seconds = worker.time(handles, feeds, how, timeout=limit)
            else:
                apart = [
                    worker.time([handle], each, how, timeout=limit) for handle, each in zip(handles, given, strict=True)
                ]
                seconds = np.hstack([each[: min(map(len, apart))] for each in apart])
        except RunFailure as failure:
            return f"they do not both run in onnxruntime: {failure}"
    inputs, pushed = ([described(*each) for each in (given or {}).items()] for given in (feeds, push))
    spreads = [Spread.of(seconds[:, column]) for column in (0, 1)]
    return PairLatency(spreads[0], spreads[1], quotient(seconds, 1, 0), len(seconds), inputs, pushed)
