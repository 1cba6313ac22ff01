"""Verify that two whole models compute the same."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gru_lower.verification.comparing.accuracy import accuracies, checked_expectations, float_errors
from gru_lower.verification.comparing.decide_by_labels import decide_by_labels, decides_by_fidelity, one_is_quantised
from gru_lower.verification.comparing.interface import interface_difference
from gru_lower.verification.comparing.interface_findings import interface_findings
from gru_lower.verification.comparing.output_limits import output_limits
from gru_lower.verification.comparing.rounding import overflown
from gru_lower.verification.directing.directed_draws import DirectedDraws, sizes_of, tied_dims
from gru_lower.verification.drawn_inputs import DrawnInputs
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import feeds_of
from gru_lower.verification.inputs.override_defaults import overriding_feeds
from gru_lower.verification.noise.hand_in_noise import hand_in_noise
from gru_lower.verification.result import Verification
from gru_lower.verification.running.run_cases import run_original, run_rewrite
from gru_lower.verification.steps import in_lines, silent
from gru_lower.verification.whole_models import override_runs
from gru_lower.verification.whole_models.begun_models import BegunModels
from gru_lower.verification.whole_models.evidence_of_runs import evidence_of_runs
from gru_lower.verification.whole_models.further_inputs import run_further_inputs
from gru_lower.verification.whole_models.judge_runs import doubt_uncompared, judge_fidelity, judge_runs
from gru_lower.verification.whole_models.model_pair import ModelPair, Runs
from gru_lower.verification.worker.execution_providers import worker_for
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIME_NAMES, RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import onnx

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.inputs.override_defaults import Override
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Status
    from gru_lower.verification.running.run_cases import Case
    from gru_lower.verification.steps import Steps
    from gru_lower.verification.worker.client import Worker
    from gru_lower.verification.worker.runtimes import Runtime

T = TypeVar("T")

_SLOW = 0.1  # share of the time limit: an original that takes more may have a correct rewrite that exceeds it


def verify_models(
    a: onnx.ModelProto,
    b: onnx.ModelProto,
    *,
    options: VerifyOptions,
    base_dir_a: Path | None = None,
    base_dir_b: Path | None = None,
    worker: Worker | None = None,
    begun: BegunModels | None = None,
    progress: Callable[[str], None] | None = None,
    steps: Steps | None = None,
) -> Verification:
    """Run two models on the same inputs and compare all outputs.

    Each runs in onnxruntime if it does, else in onnx's reference evaluator. Where the outputs differ, but those of `a`
    move as much when its inputs change in the last bits, the verdict is "inconclusive" and `chaotic` is set: whole
    outputs cannot decide then. What the two draw at random is the same in both: see
    :mod:`gru_lower.verification.noise.hand_in_noise`.

    Args:
        a: The original.
        b: The rewrite.
        options: Tolerances, inputs and limits.
        base_dir_a: The folder of the original's external data.
        base_dir_b: The folder of the rewrite's.
        worker: A running worker to use, with its own limits; one is started and ended if None.
        begun: The two in that worker, where they may have begun to run.
        progress: Called with one line per step.
        steps: Called with ``(what, done, total)`` in its place.

    Raises:
        BadInputs: Shapes, inputs or expected outputs in `options` do not fit the model or each other, or the original
            runs on none of the inputs.

    """
    difference = interface_difference(a, b)
    if difference:
        return Verification("different", "model", message=difference)
    _check_given(options)
    noise = hand_in_noise(a, b)
    a, b = noise.a, noise.b

    def candidates() -> Iterable[Feeds]:
        if options.inputs is not None:
            from gru_lower.verification.inputs.given_arrays import fitted

            return [fitted(a, given, b) for given in options.inputs]
        return models.drawn()

    def further(pair: ModelPair, runs: Runs, drawn: DrawnInputs) -> Verification | None:
        if options.inputs is not None:
            return run_further_inputs(pair, runs, (), None, drawn)
        sizes = [sizes_of(models.plan, case.feeds) for case in runs.cases]
        for case, sized in zip(runs.cases, sizes, strict=True):
            drawn.add("plain", case.feeds, sized)
        directed = DirectedDraws(models.plan, (a, b), sizes[0], tied_dims(sizes))
        return run_further_inputs(pair, runs, feeds_of(replace(models.plan, wild=True)), directed, drawn)

    def overrides(feeds: Feeds) -> Iterable[Override]:
        if options.inputs is not None:
            return ()
        together = options.looks_for(override_runs.CODE)
        zero = options.zero_length_state == "zero"
        return overriding_feeds(a, b, feeds, seed=options.seed, zero_lengths=zero, floats_together=together)

    findings = [*interface_findings(a, b, options.fixed_dims), *noise.findings]
    findings = [each for each in findings if options.looks_for(each.code)]
    own = worker_for(options) if worker is None else nullcontext(worker)
    try:
        with own as running, ExitStack() as stack:
            models = _taken_up(begun, a, b) or BegunModels(running, a, b, base_dir_a, base_dir_b, options)
            original, rewrite = stack.enter_context(models.original), stack.enter_context(models.rewrite)
            pair = ModelPair(original, rewrite, options, output_limits(a, b), steps or in_lines(progress))
            models.load_ahead()
            found = _verify(pair, candidates, overrides, further)
            if found.status == "different" and noise.doubtful:
                message = f"{noise.doubtful}; {found.message}"
                found = replace(found, status="inconclusive", message=message, counterexample=None)
            return replace(found, findings=[*findings, *found.findings])
    except Unfeedable as error:
        return Verification("inconclusive", "model", message=error.message, findings=findings)
    except MemoryError:
        message = "the inputs or the outputs do not fit into memory"
        return Verification("inconclusive", "model", message=message, findings=findings)
    except BadInputs as error:
        if options.shapes or options.inputs is not None:
            raise
        return Verification("different", "model", message=f"no inputs fit both models: {error.message}")


def _taken_up(begun: BegunModels | None, a: onnx.ModelProto, b: onnx.ModelProto) -> BegunModels | None:
    """Return what may have begun to run, if that is what is to run."""
    return begun if begun is not None and begun.original.model is a and begun.rewrite.model is b else None


def _check_given(options: VerifyOptions) -> None:
    """Refuse given inputs and expected outputs that are not one for one.

    Raises:
        BadInputs: There are other numbers of them, or none.

    """
    if options.expected is not None and len(options.expected) != len(options.inputs or ()):
        raise BadInputs(
            f"{len(options.inputs or ())} inputs were given, and {len(options.expected)} expected outputs",
            hint="give one set of expected outputs for each set of inputs",
        )
    if options.inputs is not None and not options.inputs:
        raise BadInputs("the inputs given are an empty list", hint="give one dict of arrays per case, or None")


def _verify(
    pair: ModelPair,
    candidates: Callable[[], Iterable[Feeds]],
    overrides: Callable[[Feeds], Iterable[Override]],
    further: Callable[[ModelPair, Runs, DrawnInputs], Verification | None],
) -> Verification:
    """Run the original in the first runtime it runs in, the rewrite on the same inputs, and compare.

    Where they agree, go on with more inputs until the time for it is over.
    """
    options = pair.options
    wanted = options.cases if options.inputs is None else len(options.inputs)
    cases, runtime, refusals = _run_original(pair, candidates, wanted)
    if not cases and options.inputs is not None:
        raise BadInputs(
            f"the original runs on none of the given inputs. {'. '.join(refusals)}",
            hint="check the values; without given inputs, some are generated, or each GRU is verified by itself",
        )
    if not cases:
        return Verification("inconclusive", "model", message=f"the original does not run. {'. '.join(refusals)}")
    notes = [f"the original ran in {RUNTIME_NAMES[runtime]}, not in {refusal}" for refusal in refusals]
    if options.inputs is not None and len(cases) < wanted:
        notes.append(f"the original runs on {len(cases)} of {wanted} given inputs")
    right = None
    if options.expected is not None:
        right = [checked_expectations(options.expected[case.number], case.outputs) for case in cases]

    try:
        outputs, ran_in = _run_rewrite(pair, cases, notes, fall_back=bool(refusals))
    except RunFailure as error:
        found = _verdict_on_failure(pair, error, notes, runtime)
        found.counterexample = next((case.feeds for case in cases if _fails(pair, case)), None)
        return found
    sound = [place for place, case in enumerate(cases) if not overflown(case.outputs, outputs[place])]
    if not sound:
        notes.insert(0, "what the models compute overflows")
        return Verification("inconclusive", "model", message="; ".join(notes))
    if right is None:
        cases, outputs = [cases[place] for place in sound], [outputs[place] for place in sound]
    runs = Runs(cases, outputs, runtime, ran_in)
    by_fidelity = decides_by_fidelity(pair.original.model, pair.rewrite.model, options)
    found = judge_fidelity(runs) if by_fidelity else judge_runs(pair, runs)
    if by_fidelity:
        notes.insert(0, f"judged on {'generated' if options.inputs is None else f'the {options.inputs_are}'} inputs")
    findings: list[Diagnostic] = []
    drawn = DrawnInputs()
    try:
        if found.status == "equivalent" and not by_fidelity:
            override = partial(override_runs.run_overrides, pair, runs, overrides(cases[0].feeds))
            findings, found = _judged_after(override, pair, runs, found)
        further_wanted = (options.seconds or options.further or options.corners) and not by_fidelity
        if further_wanted and found.status != "inconclusive":
            apart, found = _judged_after(partial(further, pair, runs, drawn), pair, runs, found)
            found = found if apart is None else replace(apart, cases=len(runs.cases) + 1)
            found.drawn = drawn if options.inputs is None else None
    except RunFailure as error:
        return found if found.status == "different" else _verdict_on_failure(pair, error, notes, runtime)
    if found.status == "equivalent" and not by_fidelity:
        found = doubt_uncompared(pair, runs, found)
    if right is not None:
        originals = [case.outputs for case in cases]
        found.accuracy = accuracies(right, originals, outputs)
        notes.append(float_errors(right, originals, outputs))
        if by_fidelity or (found.status == "different" and one_is_quantised(pair.original.model, pair.rewrite.model)):
            found = decide_by_labels(found)
    found.evidence = evidence_of_runs(pair, runs, by_tolerance=not by_fidelity)
    return replace(found, message="; ".join(filter(None, (found.message, *notes))), findings=findings)


def _judged_on(pair: ModelPair, runs: Runs) -> tuple[object, ...]:
    """Return what a verdict hangs on."""
    return len(runs.cases), dict(pair.largest)


def _judged_after(work: Callable[[], T], pair: ModelPair, runs: Runs, found: Verification) -> tuple[T, Verification]:
    """Do what may add runs; return what it gives, and the verdict, which is worked out again if any were added."""
    before = _judged_on(pair, runs)
    made = work()
    return made, found if _judged_on(pair, runs) == before else judge_runs(pair, runs)


def _run_original(
    pair: ModelPair, candidates: Callable[[], Iterable[Feeds]], wanted: int
) -> tuple[list[Case], Runtime, list[str]]:
    """Return the original's runs in the first runtime it runs in, that runtime, and why others before it did not."""
    refusals: list[str] = []
    cases: list[Case] = []
    runtime = RUNTIMES[0]
    for runtime in pair.runtimes:
        cases, failure = run_original(pair.original, runtime, candidates(), wanted, pair.say, pair.rewrite)
        if cases:
            break
        refusals.append(f"{RUNTIME_NAMES[runtime]}: {failure}")
        if failure is not None and failure.kind in {"timeout", "memory"}:
            break  # the reference is slower and larger
    return cases, runtime, refusals


def _run_rewrite(
    pair: ModelPair, cases: Sequence[Case], notes: list[str], *, fall_back: bool
) -> tuple[list[Feeds], Runtime]:
    try:
        return run_rewrite(pair.rewrite, pair.runtimes if fall_back else RUNTIMES[:1], cases, pair.say)
    except RunFailure as refusal:
        if fall_back or pair.options.providers or not refusal.lacks_kernel:
            raise
        notes.append(f"the rewrite ran in {RUNTIME_NAMES['reference']}: onnxruntime has no kernel for it ({refusal})")
        return run_rewrite(pair.rewrite, RUNTIMES[1:], cases, pair.say)


def _fails(pair: ModelPair, case: Case) -> bool:
    """Whether the rewrite fails on a case; false for a timeout or a lack of memory, which may not be the case's."""
    try:
        run_rewrite(pair.rewrite, pair.runtimes[:1], [case], silent)
    except RunFailure as error:
        return error.kind in {"error", "crash"}
    return False


def _verdict_on_failure(
    pair: ModelPair, failure: RunFailure, notes: list[str], original_ran_in: Runtime
) -> Verification:
    """Return the verdict on a rewrite that fails on inputs the original runs on."""
    slow = pair.original.slowest > _SLOW * pair.original.worker.timeout
    loading = pair.rewrite.runtime is None
    limits = failure.kind == "memory" or (failure.kind == "timeout" and (slow or loading))
    # What no runtime loads may yet be right; what loads in both and runs in neither is not.
    unknown = original_ran_in == "reference" and not all(map(pair.rewrite.loads, RUNTIMES))
    status: Status = "inconclusive" if limits or unknown else "different"
    message = f"the rewrite fails where the original runs ({failure.kind}): {failure}"
    return Verification(status, "model", message="; ".join([message, *notes]))
