"""Whether two whole models compute the same."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.verification.comparing.accuracy import accuracies, distances, understood
from gru_lower.verification.comparing.chaos import beyond_rounding, movement_if_chaotic, nudge, overflown
from gru_lower.verification.comparing.interface import coarsest_float, fitted, interface_difference
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.comparing.tolerance import compare, is_float, tolerance_for
from gru_lower.verification.inputs.dims import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds, tries
from gru_lower.verification.inputs.search import MOST_LABELLED, MOST_MORE, STARTS, climb, distance
from gru_lower.verification.result import Verification
from gru_lower.verification.running.cases import NAMES, RUNTIMES, run_original, run_rewrite
from gru_lower.verification.running.side import Side
from gru_lower.verification.worker.client import RunFailure, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import onnx

    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.result import Array, Feeds, Status, VerifyOptions
    from gru_lower.verification.running.cases import Case
    from gru_lower.verification.worker.client import Runtime

_SLOW = 0.1  # share of the time limit: an original that takes more may have a correct rewrite that exceeds it


def verify_models(
    a: onnx.ModelProto,
    b: onnx.ModelProto,
    *,
    options: VerifyOptions,
    base_dir_a: Path | None = None,
    base_dir_b: Path | None = None,
    worker: Worker | None = None,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Run two models on the same inputs and compare all outputs.

    Each runs in onnxruntime if it does, else in onnx's reference evaluator. Where the outputs differ, but those of `a`
    move as much when its inputs change in the last bits, the verdict is "inconclusive" and `chaotic` is set: whole
    outputs cannot decide then.

    Args:
        a: The original.
        b: The rewrite.
        options: Tolerances, inputs and limits.
        base_dir_a: The folder of the original's external data.
        base_dir_b: The folder of the rewrite's.
        worker: A running worker to use, with its own limits; one is started and ended if None.
        progress: Called with one line per step.

    Raises:
        BadInputs: Shapes, inputs or expected outputs in `options` do not fit the model or each other, or the original
            runs on none of the inputs.

    """
    difference = interface_difference(a, b)
    if difference:
        return Verification("different", "model", message=difference)
    if options.expected is not None and len(options.expected) != len(options.inputs or ()):
        raise BadInputs(
            f"{len(options.inputs or ())} inputs were given, and {len(options.expected)} expected outputs",
            hint="give one set of expected outputs for each set of inputs",
        )
    if options.inputs is not None and not options.inputs:
        raise BadInputs("the inputs given are an empty list", hint="give one dict of arrays per case, or None")

    zeros = options.zero_length_state == "zero"
    draw = partial(
        candidate_feeds,
        a,
        seed=options.seed,
        shapes=options.shapes,
        other=b,
        zero_lengths=zeros,
        padding=options.padding,
    )

    def candidates() -> Iterable[Feeds]:
        if options.inputs is not None:
            return [fitted(a, given, b) for given in options.inputs]
        return islice(draw(), tries(options.cases))

    def more() -> Iterable[Feeds]:
        return draw(wild=True) if options.inputs is None else ()

    own = worker_for(options) if worker is None else nullcontext(worker)
    try:
        with own as running, Side(running, a, base_dir_a) as before, Side(running, b, base_dir_b) as after:
            pair = _Pair(before, after, options, coarsest_float(a), progress or (lambda _: None))
            return pair.verify(candidates, more)
    except Unfeedable as error:
        return Verification("inconclusive", "model", message=error.message)
    except MemoryError:
        return Verification("inconclusive", "model", message="the inputs or the outputs do not fit into memory")
    except BadInputs as error:
        if options.shapes or options.inputs is not None:
            raise
        return Verification("different", "model", message=f"no inputs fit both models: {error.message}")


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
    raise Unsupported(
        f"the onnxruntime installed has no execution provider {name!r}",
        code="GL505",
        hint=f"it has {listed}; for another, install the onnxruntime made for it",
    )


@dataclass(frozen=True)
class _Pair:
    before: Side
    after: Side
    options: VerifyOptions
    computed_in: str | None
    say: Callable[[str], None]

    def verify(self, candidates: Callable[[], Iterable[Feeds]], more: Callable[[], Iterable[Feeds]]) -> Verification:
        """Run the original in the first runtime it runs in, the rewrite on the same inputs, and compare.

        Where they agree, go on with more inputs until the time for it is over.
        """
        given = self.options.inputs
        wanted = self.options.cases if given is None else len(given)
        refusals: list[str] = []
        cases: list[Case] = []
        runtime = RUNTIMES[0]
        for runtime in self._runtimes:
            cases, failure = run_original(self.before, runtime, candidates(), wanted, self.say)
            if cases:
                break
            refusals.append(f"{NAMES[runtime]}: {failure}")
            if failure is not None and failure.kind in {"timeout", "memory"}:
                break  # the reference is slower and larger
        if not cases and given is not None:
            raise BadInputs(
                f"the original runs on none of the given inputs. {'. '.join(refusals)}",
                hint="check the values; without given inputs, some are generated, or each GRU is verified by itself",
            )
        if not cases:
            return Verification("inconclusive", "model", message=f"the original does not run. {'. '.join(refusals)}")
        notes = [f"the original ran in {NAMES[runtime]}, not in {refusal}" for refusal in refusals]
        if given is not None and len(cases) < wanted:
            notes.append(f"the original runs on {len(cases)} of {wanted} given inputs")
        right = None
        if self.options.expected is not None:
            right = [understood(self.options.expected[case.number], case.outputs) for case in cases]

        try:
            outputs, ran_in = self._run_rewrite(cases, notes, fall_back=bool(refusals))
        except RunFailure as error:
            found = self._failed(error, notes, original_ran_in=runtime)
            found.counterexample = next((case.feeds for case in cases if self._fails(case)), None)
            return found
        sound = [place for place, case in enumerate(cases) if not overflown(case.outputs, outputs[place])]
        if not sound:
            notes.insert(0, "what the models compute overflows")
            return Verification("inconclusive", "model", message="; ".join(notes))
        if right is None:
            cases, outputs = [cases[place] for place in sound], [outputs[place] for place in sound]
        found = self._judged(cases, outputs, runtime, ran_in)
        if self.options.seconds and found.status != "inconclusive":
            try:
                self._go_on(more(), cases, outputs, runtime, ran_in)
            except RunFailure as error:
                return found if found.status == "different" else self._failed(error, notes, original_ran_in=runtime)
            found = self._judged(cases, outputs, runtime, ran_in)
        if right is not None:
            first = [case.outputs for case in cases]
            found.accuracy = accuracies(right, first, outputs)
            notes.append(distances(right, first, outputs))
        return replace(found, message="; ".join(filter(None, (found.message, *notes))))

    def _fails(self, case: Case) -> bool:
        """Whether the rewrite fails on a case; nothing is told where that may take as long as it did."""
        try:
            run_rewrite(self.after, self._runtimes[:1], [case], self.say)
        except RunFailure as error:
            return error.kind in {"error", "crash"}
        return False

    @property
    def _runtimes(self) -> tuple[Runtime, ...]:
        """Those to try; a provider that was asked for is onnxruntime's, and nothing stands in for it."""
        return RUNTIMES[:1] if self.options.providers else RUNTIMES

    def _judged(self, cases: list[Case], outputs: list[Feeds], runtime: Runtime, ran_in: Runtime) -> Verification:
        tally = self._tally(cases, outputs)
        found = tally.verification("model")
        if found.status == "different" and ran_in != runtime:
            found = self._doubt_runtimes(found, cases, runtime)
        if found.status == "different":
            found = self._doubt_chaos(found, cases, outputs, runtime)
        if found.status == "different":
            found.counterexample = next(case.feeds for case in cases if case.number == tally.worst_case)
        return found

    def _go_on(
        self, more: Iterable[Feeds], cases: list[Case], outputs: list[Feeds], runtime: Runtime, ran_in: Runtime
    ) -> None:
        """Add cases until the inputs end or the time is over, then look for one that differs.

        Where a tolerance is given, the inputs do not hang on it: what passes with the least one, passes.
        """
        until = time.monotonic() + self.options.seconds
        floats = all(is_float(array.dtype) for array in cases[0].outputs.values())

        alone = partial(self.before.run, runtime)

        differs = bool(self._tally(cases, outputs).failing)

        def take(feeds: Feeds) -> bool:
            """Add a case unless rounding or an overflow explains what differs; tell whether it differs.

            Once the two are known to differ, a case only adds to the tolerance that would pass.
            """
            found, _ = run_original(self.before, runtime, [feeds], 1, self.say)
            if not found:
                return False
            case = replace(found[0], number=cases[-1].number + 1)
            (actual,), _ = run_rewrite(self.after, [ran_in], [case], self.say)
            failing = bool(self._tally([case], [actual]).failing)
            if failing and overflown(case.outputs, actual):
                return False
            if failing and not differs and not beyond_rounding(case.outputs, actual, alone, feeds, limits=self._limits):
                return False
            cases.append(case)
            outputs.append(actual)
            return failing

        for feeds in islice(more, MOST_MORE if floats else MOST_LABELLED):
            if time.monotonic() > until or (differs and not floats):
                return
            differs |= take(feeds)
        if differs or self.options.atol is not None or self.options.rtol is not None:
            return

        def both(feeds: Feeds) -> tuple[Feeds, Feeds] | None:
            self.say("looking for inputs on which the two differ")
            try:
                return self.before.run(runtime, feeds), self.after.run(ran_in, feeds)
            except RunFailure:
                return None

        def furthest(place: int) -> float:
            return distance(cases[place].outputs, outputs[place], self._limits)

        half = until + self.options.seconds / 2
        for place in sorted(range(len(cases)), key=furthest, reverse=True)[:STARTS]:
            led = climb(both, alone, cases[place].feeds, self._limits, half, self.options.seed)
            if led is not None and take(led):
                return

    def _run_rewrite(self, cases: Sequence[Case], notes: list[str], *, fall_back: bool) -> tuple[list[Feeds], Runtime]:
        try:
            return run_rewrite(self.after, self._runtimes if fall_back else RUNTIMES[:1], cases, self.say)
        except RunFailure as refusal:
            if fall_back or self.options.providers or not refusal.lacks_kernel:
                raise
            notes.append(f"the rewrite ran in {NAMES['reference']}: onnxruntime has no kernel for it ({refusal})")
            return run_rewrite(self.after, RUNTIMES[1:], cases, self.say)

    def _failed(self, failure: RunFailure, notes: list[str], *, original_ran_in: Runtime) -> Verification:
        """Return the verdict on a rewrite that fails on inputs the original runs on."""
        slow = self.before.slowest > _SLOW * self.before.worker.timeout
        loading = self.after.runtime is None
        limits = failure.kind == "memory" or (failure.kind == "timeout" and (slow or loading))
        # What no runtime loads may yet be right; what loads in both and runs in neither is not.
        unknown = original_ran_in == "reference" and not all(map(self.after.loads, RUNTIMES))
        status: Status = "inconclusive" if limits or unknown else "different"
        message = f"the rewrite fails where the original runs ({failure.kind}): {failure}"
        return Verification(status, "model", message="; ".join([message, *notes]))

    def _tally(self, cases: Sequence[Case], outputs: Sequence[Feeds]) -> Tally:
        tally = Tally()
        for case, actual in zip(cases, outputs, strict=True):
            for name, expected in case.outputs.items():
                tally.add(case.number, name, compare(expected, actual[name], self._limits(expected)))
        return tally

    def _limits(self, expected: Array) -> Tolerance:
        options = self.options
        return tolerance_for(expected.dtype, rtol=options.rtol, atol=options.atol, computed_in=self.computed_in)

    def _doubt_runtimes(self, found: Verification, cases: Sequence[Case], runtime: Runtime) -> Verification:
        """Take back a difference between two runtimes' results if the original's finds none."""
        try:
            outputs, _ = run_rewrite(self.after, [runtime], cases, self.say)
        except RunFailure:
            return found
        if self._tally(cases, outputs).failing:
            return found
        message = f"equal in {NAMES[runtime]}, but onnxruntime computes the rewrite otherwise: {found.message}"
        return replace(found, status="inconclusive", message=message)

    def _doubt_chaos(
        self, found: Verification, cases: Sequence[Case], outputs: Sequence[Feeds], runtime: Runtime
    ) -> Verification:
        """Take back a difference that the original's own last bits explain, in every case that differs."""
        failing = self._tally(cases, outputs).failing
        largest, change = 0.0, 0.0
        for case, actual in zip(cases, outputs, strict=True):
            names = [entry.output for entry in failing if entry.case == case.number]
            if names:
                self.say("how far the original moves by itself")
                moved = movement_if_chaotic(
                    lambda feeds: self.before.run(runtime, feeds), case.feeds, case.outputs, actual, names
                )
                if moved is None:
                    return found
                largest, change = max(largest, moved), max(change, nudge(case.feeds))
        message = f"chaotic: outputs move by {largest:.2g} when inputs change by {change:.2g} of themselves"
        return replace(found, status="inconclusive", chaotic=True, message=f"{message}; {found.message}")
