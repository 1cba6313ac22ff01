"""Time models side by side in onnxruntime, in the isolated worker."""

from __future__ import annotations

import os
import time
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING

from gru_lower.diagnostic_codes import CODES
from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.comparing.interface import interface_difference
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds, tries
from gru_lower.verification.inputs.given_arrays import fitted
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.timing import FEWEST_ROUNDS, WARM_UP, Clock, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import onnx

    from gru_lower.verification.arrays import Feeds

SLOWER_THAN_SEEN = 4
"""How many times as long as at first a run may take before the worker counts as hanging."""


@dataclass(frozen=True)
class BenchOptions:
    """How to time.

    Attributes:
        seconds: How long to time all models together, once they are loaded.
        runs: Rounds to time instead; each times every model once, short ones several times.
        threads: Of onnxruntime, for each model; 0 for one per core.
        seed: Of the generated inputs.
        shapes: Input name -> the shape to generate for it.
        inputs: Given inputs instead of generated ones; the first case is used.
        timeout: Seconds for one load or one run.
        memory: Bytes the worker's data may take; about 80 % of the machine's if None.

    """

    seconds: float = 3.0
    runs: int | None = None
    threads: int = 1
    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: Sequence[Feeds] | None = None
    timeout: float = 60.0
    memory: int | None = None

    @property
    def clock(self) -> Clock:
        """CPU time for one thread, which others' work does not lengthen; for several, what their user waits."""
        return "cpu" if self.threads == 1 and os.name == "posix" else "wall"  # Windows counts CPU time in 16 ms


@dataclass(frozen=True)
class Timed:
    """What was measured.

    Attributes:
        seconds: For one run, of shape [rounds, models].
        feeds: What the models ran on.

    """

    seconds: Seconds
    feeds: Feeds


def time_models(
    models: Mapping[str, tuple[onnx.ModelProto, Path | None]],
    options: BenchOptions,
    progress: Callable[[str], None] | None = None,
) -> Timed:
    """Time models that take the same inputs.

    Args:
        models: What each is called in messages -> the model and the folder of its external data; one or two.
        options: How to time.
        progress: Called with a line on what is going on.

    Raises:
        Unsupported: A model does not run in onnxruntime within the limits, or the models cannot be fed the same.
        BadInputs: Given inputs or shapes do not fit the models.

    """
    say = progress or (lambda _what: None)
    (first, _), *others = protos = list(models.values())
    other = others[0][0] if others else None
    difference = interface_difference(first, other) if other is not None else ""
    if difference:
        hint = "name two models with the same inputs and outputs"
        raise Unsupported(f"the models cannot be compared: {difference}", code="GL503", hint=hint)
    with Worker(timeout=options.timeout, memory=options.memory, shared=False) as worker:
        handles = []
        for name, (proto, base_dir) in zip(models, protos, strict=True):
            say(f"loading {name}")
            try:
                handles.append(worker.load(proto, base_dir, threads=options.threads))
            except RunFailure as failure:
                raise _refused(name, "load", failure) from failure
        say("looking for inputs")
        named = dict(zip(models, handles, strict=True))
        feeds, longest = _first_that_runs(worker, named, _inputs(first, other, options))
        say("timing")
        how = {"clock": options.clock, "seconds": options.seconds, "rounds": options.runs}
        try:
            seconds = worker.time(handles, feeds, how, timeout=_time_limit(options, longest))
        except RunFailure as failure:
            raise _refused(" and ".join(models), "go on running", failure) from failure
    return Timed(seconds, feeds)


def _inputs(first: onnx.ModelProto, other: onnx.ModelProto | None, options: BenchOptions) -> Iterator[Feeds]:
    if options.inputs is None:
        try:
            yield from islice(candidate_feeds(first, seed=options.seed, shapes=options.shapes, other=other), tries(1))
        except Unfeedable as error:
            hint = error.hint or "hand in inputs with --inputs"
            raise Unsupported(error.message, code="GL503", hint=hint) from error
    elif options.inputs:
        yield fitted(first, options.inputs[0], other)
    else:
        raise BadInputs("the inputs given are an empty list", hint="give one dict of arrays, or None")


def _first_that_runs(worker: Worker, handles: Mapping[str, int], candidates: Iterable[Feeds]) -> tuple[Feeds, float]:
    """Return the first inputs that every model runs on, and the seconds one run of each took together."""
    failed: tuple[str, RunFailure] | None = None
    for feeds in candidates:
        took = 0.0
        for name, handle in handles.items():
            started = time.monotonic()
            try:
                worker.run(handle, feeds)
            except RunFailure as error:
                failed = failed or (name, error)
                break
            took += time.monotonic() - started
        else:
            return feeds, took
        if failed[1].kind in {"timeout", "memory"}:
            break  # the next inputs are larger
    name, failure = failed or ("the model", RunFailure("error", "no inputs could be made for it"))
    raise _refused(name, "run", failure)


def _refused(name: str, what: str, failure: RunFailure) -> Unsupported:
    hint = "hand in inputs with --inputs, or sizes with --shape" if what == "run" else CODES["GL503"].hint
    return Unsupported(f"{name} does not {what} in onnxruntime: {failure}", code="GL503", hint=hint)


def _time_limit(options: BenchOptions, once: float) -> float:
    rounds = FEWEST_ROUNDS if options.runs is None else options.runs
    work = options.seconds if options.runs is None else 0.1 * rounds
    return options.timeout + SLOWER_THAN_SEEN * (work + (WARM_UP + rounds) * once)
