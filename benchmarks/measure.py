"""Timing sessions of onnxruntime in this process: one thread, CPU time, in turn."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from benchmarks import gru_case
from benchmarks.rival_forms import RIVALS
from gru_lower.graph.model import Model
from gru_lower.passes import pipeline
from gru_lower.passes.lower_gru.choose_packing import PACKINGS
from gru_lower.verification.worker.timing import Seconds, Spread, in_turn, quotient

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from benchmarks.gru_case import Case
    from gru_lower.verification.arrays import Feeds

TOLERANCE = 1e-4
"""What outputs may differ by from the native kernel's: what is timed has to compute a GRU."""
FATAL = 4
PASSES = {
    **{form: f"lower-gru{{form={form}}}" for form in ("auto", "scan", "loop", "unroll")},
    **{packing: f"lower-gru{{form=scan,packing={packing}}}" for packing in PACKINGS[1:]},
    "where": "lower-gru{mask=where}",
    "unmasked": "lower-gru{form=auto}",
}
"""Contenders that gru-lower writes: what its passes are for each."""


@dataclass(frozen=True)
class Record:
    """One case with what was measured.

    Attributes:
        series: The series it belongs to.
        case: What was measured.
        names: The contenders, in the order of the columns of `seconds`.
        seconds: For one run, of shape [rounds, contenders].

    """

    series: str
    case: Case
    names: tuple[str, ...]
    seconds: Seconds

    def ratio(self, name: str, to: str = "native") -> Spread | None:
        """Return how much longer one contender takes than another; ``None`` if one was not measured."""
        if name not in self.names or to not in self.names:
            return None
        return quotient(self.seconds, self.names.index(name), self.names.index(to))

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        figures = {}
        for column, name in enumerate(self.names):
            ratio = self.ratio(name)
            latency = Spread.of(self.seconds[:, column])
            figures[name] = {"seconds": rounded(latency), "to_native": None if ratio is None else rounded(ratio)}
        return {"series": self.series, **self.case.to_dict(), "rounds": len(self.seconds), "figures": figures}


def rounded(spread: Spread) -> dict[str, float]:
    """Return a spread for JSON, with the digits that mean something."""
    return {key: float(f"{value:.4g}") for key, value in spread.to_dict().items()}


def say(text: str) -> None:
    """Show how far a benchmark is, in one line, to whoever watches a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text:70}", end="", file=sys.stderr, flush=True)


def session(model: onnx.ModelProto) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Load a model as a user would, but with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def lowered(model: onnx.ModelProto, passes: str) -> onnx.ModelProto:
    """Return a model after some passes; the model itself is changed."""
    held = Model(model)
    pipeline.run(pipeline.parse(passes), held)
    return held.proto


def build(case: Case, name: str) -> tuple[onnx.ModelProto, Feeds]:
    """Return a contender and what it runs on."""
    if name == "unmasked":
        case = gru_case.Case(case.H, case.B, case.T, case.lbr, case.direction, state=case.state, dynamic=case.dynamic)
    fed = gru_case.feeds(case)
    if name in RIVALS:
        return RIVALS[name](case), fed
    model = gru_case.native(case)
    return (model if name == "native" else lowered(model, PASSES[name])), fed


def measure(series: str, case: Case, names: Sequence[str], seconds: float) -> Record:
    """Time the contenders of one case; those that come out as the same model are timed once.

    Args:
        series: What the case belongs to.
        case: What to measure.
        names: The contenders.
        seconds: How long to go on.

    Raises:
        ValueError: A contender computes something else than the native kernel.

    """
    runs: dict[bytes, Any] = {}
    columns: list[int] = []
    expected: Sequence[Any] | None = None
    for name in names:
        model, fed = build(case, name)
        key = model.SerializeToString(deterministic=True)
        if key not in runs:
            runs[key] = partial(session(model).run, None, fed)
            if name not in ("unmasked", "floor"):
                expected = _agree(runs[key](), expected, f"{name} at {case}")
        columns.append(list(runs).index(key))
    found = timed(list(runs.values()), seconds)
    return Record(series, case, tuple(names), found[:, columns])


def timed(calls: Sequence[Any], seconds: float) -> Seconds:
    """Time calls without the garbage collector coming in between."""
    gc.collect()
    gc.disable()
    try:
        return in_turn(calls, clock="cpu", seconds=seconds)
    finally:
        gc.enable()


def _agree(outputs: Sequence[Any], expected: Sequence[Any] | None, what: str) -> Sequence[Any]:
    for ours, theirs in zip(outputs, outputs if expected is None else expected, strict=True):
        error = float(np.abs(ours - theirs).max())
        if not error <= TOLERANCE:
            raise ValueError(f"{what} is off by {error:.3g}: it computes something else than the native kernel")
    return outputs if expected is None else expected
