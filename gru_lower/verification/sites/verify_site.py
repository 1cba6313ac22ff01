"""Whether one rewritten node or region computes the same as its replacement, alone and with its real weights."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

import onnx

from gru_lower.errors import InvalidModel
from gru_lower.verification.comparing.chaos import movement_if_chaotic
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.comparing.tolerance import compare_site, magnitudes, tolerance_for
from gru_lower.verification.inputs.dims import Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds, tries
from gru_lower.verification.result import Verification
from gru_lower.verification.running.cases import NAMES
from gru_lower.verification.running.side import Side
from gru_lower.verification.worker.client import RunFailure, Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from gru_lower.verification.result import Feeds, Status, VerifyOptions
    from gru_lower.verification.sites.site import SitePair
    from gru_lower.verification.worker.client import Runtime


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
    try:
        with (
            own as running,
            Side(running, pair.original, pair.base_dir) as original,
            Side(running, pair.replacement, pair.base_dir) as replacement,
        ):
            return _Site(pair, options, original, replacement).verify()
    except Unfeedable as error:
        return Verification("inconclusive", "site", message=error.message)
    except MemoryError:
        return Verification("inconclusive", "site", message="the inputs or the outputs do not fit into memory")


@dataclass
class _Site:
    pair: SitePair
    options: VerifyOptions
    original: Side
    replacement: Side
    tally: Tally = field(default_factory=Tally)
    chaotic: int = 0  # comparisons that fail where float64 itself hangs on the last bits

    def verify(self) -> Verification:
        """Compare on the captured inputs, or on generated ones until there are enough cases."""
        wanted = self.options.cases if self.pair.feeds is None else len(self.pair.feeds)
        cases = 0
        notes: dict[str, None] = {}  # in order, each once
        for feeds in self._candidates():
            before, refusal = self._run_original(feeds)
            if refusal is not None:
                notes[f"the original does not run in onnxruntime: {refusal}"] = None
            if before is None and not self._legal(feeds):
                continue
            try:
                after, runtime = self._run_replacement(feeds, fall_back=refusal is not None)
            except RunFailure as failure:
                status: Status = "inconclusive" if refusal is not None or failure.kind == "memory" else "different"
                message = f"the replacement fails ({failure.kind}): {failure}"
                return Verification(status, "site", message="; ".join([message, *notes]))
            if runtime != "onnxruntime":
                notes[f"the replacement ran in {NAMES[runtime]}"] = None
            self._compare(cases, feeds, before, after)
            cases += 1
            if cases == wanted:
                break
        if not cases:
            return Verification("inconclusive", "site", message="; ".join(notes) or "there were no inputs")
        found = self.tally.verification("site")
        if found.status == "different" and self.chaotic == len(self.tally.failing):
            chaos = f"chaotic: float64 moves as much when inputs change in the last bits; {found.message}"
            found = replace(found, status="inconclusive", chaotic=True, message=chaos)
        return replace(found, message="; ".join(filter(None, [found.message, *notes])))

    def _legal(self, feeds: Feeds) -> bool:
        """Whether the reference takes the inputs: constant sequence_lens may not go with the length that was drawn."""
        if self.pair.reference is None:
            return False
        try:
            self.pair.reference(feeds)
        except InvalidModel:
            return False
        return True

    def _candidates(self) -> Iterable[Feeds]:
        if self.pair.feeds is not None:
            return self.pair.feeds
        options = self.options
        endless = candidate_feeds(
            self.pair.original,
            seed=options.seed,
            shapes=options.shapes,
            other=self.pair.replacement,
            zero_lengths=options.zero_length_state is not None and self.pair.reference is not None,
            padding=options.padding,
        )
        return islice(endless, tries(options.cases))

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
            limits = tolerance_for(actual.dtype, rtol=self.options.rtol, atol=self.options.atol)
            found = compare_site(expected, actual, truth.get(name), limits, scale)
            self.tally.add(case, name, found)
            if not found.ok and before is None and reference is not None:
                self.chaotic += movement_if_chaotic(reference, feeds, truth, after, [name]) is not None


def capture(
    model: onnx.ModelProto,
    value_names: Sequence[str],
    feeds: Feeds,
    worker: Worker,
    base_dir: Path | None = None,
    runtime: Runtime = "onnxruntime",
) -> Feeds:
    """Run a model and return values of its main graph, inputs and initializers included.

    Args:
        model: The whole model; it is not changed.
        value_names: Which values.
        feeds: The model's inputs.
        worker: Where to run.
        base_dir: The folder of its external data.
        runtime: What runs it.

    Raises:
        RunFailure: The model does not run.

    """
    outputs = {output.name for output in model.graph.output}
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    # onnxruntime infers the type of an output that declares none.
    probed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(value_names) if name not in outputs
    )
    handle = worker.load(probed, base_dir, runtime)
    try:
        return worker.run(handle, feeds, list(dict.fromkeys(value_names)))
    finally:
        worker.unload(handle)
