"""Verify that one rewritten node or region computes the same as its replacement, alone and with its real weights."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from dataclasses import field, replace
from functools import cached_property, partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from gru_lower.errors import InvalidModel
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.comparing.chaos import movement_if_chaotic
from gru_lower.verification.comparing.compare_site import compare_site
from gru_lower.verification.comparing.elementwise_errors import magnitudes
from gru_lower.verification.comparing.output_limits import OutputLimits, output_limits
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds, tries
from gru_lower.verification.result import Verification
from gru_lower.verification.running.running_model import RunningModel
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIME_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Status
    from gru_lower.verification.runs_evidence import RunsEvidence
    from gru_lower.verification.sites.site import SitePair
    from gru_lower.verification.worker.runtimes import Runtime


def verify_site(pair: SitePair, options: VerifyOptions, worker: Worker | None = None) -> Verification:
    """Run original and replacement on the same inputs and compare both with float64, by `compare_site`'s rule.

    The original runs in onnxruntime where that can; if there is a float64 reference it need not run at all. The
    replacement runs in onnxruntime; in onnx's reference evaluator only if onnxruntime runs neither. Where no original
    shows how large an error is excusable, a difference that float64's own chaos explains is "inconclusive".

    Args:
        pair: The two, as models of their own.
        options: Tolerances and limits; shapes, where inputs are generated.
        worker: A running worker to use; one is started and ended if None.

    Raises:
        BadInputs: The shapes in `options` do not fit.

    """
    own = Worker(timeout=options.timeout, memory=options.memory) if worker is None else nullcontext(worker)
    with own as running:
        return BegunSite(pair, options, running).verdict()


class BegunSite:
    """A site that is verified, and whose models may run before its verdict is asked for.

    Args:
        pair: The two, as models of their own.
        options: Tolerances and limits.
        worker: Where they run.

    """

    def __init__(self, pair: SitePair, options: VerifyOptions, worker: Worker) -> None:
        """Run nothing yet."""
        self._pair = pair
        self._options = options
        self._models = [RunningModel(worker, model, pair.base_dir) for model in (pair.original, pair.replacement)]
        self._candidates: Iterable[Feeds] | None = None

    @property
    def size(self) -> int:
        """Bytes of both models, as far as they were serialised."""
        return sum(model.size for model in self._models)

    def load_ahead(self) -> bool:
        """Begin to load both, where the process that runs models does that ahead; return whether that is done."""
        return all(model.load_ahead() for model in self._models)

    def begin(self) -> None:
        """Begin to run both on the first inputs, where the process that runs models does something ahead."""
        if not self.load_ahead():
            return
        with suppress(Unfeedable, BadInputs, MemoryError):  # as whoever asks for the verdict is told
            drawn = iter(candidates(self._pair, self._options))
            first = list(islice(drawn, self._options.cases))
            self._candidates = chain(first, drawn)
            for feeds in first:
                for model in self._models:
                    model.run_ahead(feeds)

    def verdict(self) -> Verification:
        """Verify it."""
        try:
            with self._models[0] as original, self._models[1] as replacement:
                drawn = candidates(self._pair, self._options) if self._candidates is None else self._candidates
                return _Site(self._pair, self._options, original, replacement, drawn).verify()
        except Unfeedable as error:
            return Verification("inconclusive", "site", message=error.message)
        except MemoryError:
            return Verification("inconclusive", "site", message="the inputs or the outputs do not fit into memory")


def candidates(pair: SitePair, options: VerifyOptions) -> Iterable[Feeds]:
    """Return the inputs a site is tried on: those captured, or generated ones.

    Args:
        pair: The site.
        options: How they are generated.

    Raises:
        BadInputs: The shapes in `options` do not fit.

    """
    if pair.feeds is not None:
        return pair.feeds
    endless = candidate_feeds(
        pair.original,
        seed=options.seed,
        shapes=options.shapes,
        other=pair.replacement,
        zero_lengths=options.zero_length_state is not None and pair.reference is not None,
        padding=options.padding,
    )
    return islice(endless, tries(options.cases))


@contextmanager
def site_verifier(options: VerifyOptions | None) -> Iterator[Callable[[SitePair], Verification] | None]:
    """Provide a function that verifies one site after another, in one worker, which starts with the first.

    Args:
        options: Tolerances, cases, limits; ``None`` where nothing is to be verified.

    """
    if options is None:
        yield None
        return
    with Worker(timeout=options.timeout, memory=options.memory) as worker:
        yield partial(verify_site, options=options.for_sites(), worker=worker)


@dataclass
class _Kept:
    """What both computed, for a report."""

    tolerances: dict[str, Tolerance] = field(default_factory=dict)
    runs: list[tuple[Feeds, Feeds, Feeds]] = field(default_factory=list)

    def add(self, feeds: Feeds, before: Feeds, after: Feeds) -> None:
        self.runs.append((feeds, before, after))

    def evidence(self, axes: dict[str, int]) -> RunsEvidence:
        from gru_lower.verification.evidence.output_evidence import evidence_of

        feeds, before, after = (list(each) for each in zip(*self.runs, strict=True))
        return evidence_of(feeds, before, after, self.tolerances, axes)


@dataclass
class _Site:
    pair: SitePair
    options: VerifyOptions
    original: RunningModel
    replacement: RunningModel
    candidates: Iterable[Feeds]  # on the first of which both may have begun to run
    tally: Tally = field(default_factory=Tally)
    chaotic: int = 0  # comparisons that fail where float64 itself depends on the last bits
    kept: _Kept = field(default_factory=_Kept)

    @cached_property
    def limits(self) -> dict[str, OutputLimits]:
        """What sets the tolerances of the outputs, beside their types."""
        return output_limits(self.pair.original, self.pair.replacement)

    def verify(self) -> Verification:
        """Compare on the captured inputs, or on generated ones until there are enough cases."""
        wanted = self.options.cases if self.pair.feeds is None else len(self.pair.feeds)
        cases = 0
        notes: dict[str, None] = {}  # in order, each once
        for feeds in self.candidates:
            before, refusal = self._run_original(feeds)
            if refusal is not None:
                notes[f"the original does not run in onnxruntime: {refusal}"] = None
            if before is None and not self._reference_takes(feeds):
                continue
            try:
                after, runtime = self._run_replacement(feeds, fall_back=refusal is not None)
            except RunFailure as failure:
                status: Status = "inconclusive" if refusal is not None or failure.kind == "memory" else "different"
                message = f"the replacement fails ({failure.kind}): {failure}"
                return Verification(status, "site", message="; ".join([message, *notes]))
            if runtime != "onnxruntime":
                notes[f"the replacement ran in {RUNTIME_NAMES[runtime]}"] = None
            self._compare(cases, feeds, before, after)
            cases += 1
            if cases == wanted:
                break
        if not cases:
            return Verification("inconclusive", "site", message="; ".join(notes) or "there were no inputs")
        found = self.tally.verification("site")
        if self.options.evidence:
            from gru_lower.verification.evidence.time_axes import site_time_axes

            found.evidence = self.kept.evidence(site_time_axes(self.pair.original, self.pair.replacement))
        if found.status == "different" and self.chaotic == len(self.tally.failing):
            what = "the original" if self.pair.reference is None else "float64"
            chaos = f"chaotic: {what} moves as much when inputs change in the last bits; {found.message}"
            found = replace(found, status="inconclusive", chaotic=True, message=chaos)
        return replace(found, message="; ".join(filter(None, [found.message, *notes])))

    def _reference_takes(self, feeds: Feeds) -> bool:
        """Whether the reference takes the inputs: constant sequence_lens may not fit the length that was drawn."""
        if self.pair.reference is None:
            return False
        try:
            self.pair.reference(feeds)
        except InvalidModel:
            return False
        return True

    def _run_original(self, feeds: Feeds) -> tuple[Feeds | None, RunFailure | None]:
        """Return its outputs, if anything runs it that is needed, and why onnxruntime does not."""
        try:
            return self.original.run("onnxruntime", feeds), None
        except RunFailure as refusal:
            if self.pair.reference is not None or not self.pair.either_runtime:
                return None, refusal
            try:
                return self.original.run("reference", feeds), refusal
            except RunFailure:
                return None, refusal

    def _run_replacement(self, feeds: Feeds, *, fall_back: bool) -> tuple[Feeds, Runtime]:
        try:
            return self.replacement.run("onnxruntime", feeds), "onnxruntime"
        except RunFailure as refusal:
            if not fall_back and not refusal.lacks_kernel:
                raise
            try:
                return self.replacement.run("reference", feeds), "reference"
            except RunFailure:
                raise refusal from None

    def _compare(self, case: int, feeds: Feeds, before: Feeds | None, after: Feeds) -> None:
        reference, state = self.pair.reference, self.pair.initial_h
        truth = {} if reference is None else reference(feeds)
        state = feeds.get(state) if isinstance(state, str) else state
        scale = 0.0 if state is None else float(magnitudes(state).max(initial=0.0))
        for name, actual in after.items():
            expected = None if before is None else before[name]
            limits = self.limits.get(name, OutputLimits()).tolerance(actual.dtype, self.options)
            found = compare_site(expected, actual, truth.get(name), limits, scale)
            self.kept.tolerances[name] = limits
            self.tally.add(case, name, found)
            if not found.ok and before is None and reference is not None:
                self.chaotic += movement_if_chaotic(reference, feeds, truth, after, [name]) is not None
            elif not found.ok and before is not None and reference is None:
                self.chaotic += movement_if_chaotic(self._original_alone, feeds, before, after, [name]) is not None

        if self.options.evidence:
            right = truth if before is None else before
            self.kept.add(feeds, {name: right[name].astype(each.dtype) for name, each in after.items()}, after)

    def _original_alone(self, feeds: Feeds) -> Feeds:
        """Run the original once more: where nothing computes its outputs in float64, it has to stand for itself."""
        return self.original.run("onnxruntime", feeds)


def combined(found: Sequence[Verification], message: str, *, chaotic: bool = False) -> Verification:
    """Return the verdict on a model each of whose sites is equivalent by itself.

    Args:
        found: The verdicts on the sites.
        message: What to know about the verdict.
        chaotic: Whether the whole model is chaotic.

    """
    worst = max(found, key=lambda each: each.max_abs_error or 0.0)
    return Verification(
        "equivalent",
        "site",
        cases=min(each.cases for each in found),
        max_abs_error=worst.max_abs_error,
        max_rel_error=worst.max_rel_error,
        worst=worst.worst,
        message=message,
        chaotic=chaotic,
    )
