"""Verify a streamed model: its frames, pushed one by one and several at once, against the whole-sequence model's."""

from __future__ import annotations

from dataclasses import replace
from math import lcm, prod
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from gru_lower.errors import Unsupported
from gru_lower.streaming.description import describe
from gru_lower.streaming.frame_stream import FrameStream
from gru_lower.verification.comparing.output_limits import output_limits
from gru_lower.verification.inputs.choose_sizes import choose_sizes
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import plan_inputs
from gru_lower.verification.inputs.given_arrays import fitted
from gru_lower.verification.inputs.model_inputs import inputs_of
from gru_lower.verification.inputs.sequence_lengths import are_lengths
from gru_lower.verification.result import Verification
from gru_lower.verification.running.run_cases import Case
from gru_lower.verification.running.running_model import RunningModel
from gru_lower.verification.steps import silent
from gru_lower.verification.whole_models.model_pair import ModelPair
from gru_lower.verification.worker.execution_providers import worker_for
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.graph.model import Model
    from gru_lower.streaming.description import StreamDescription
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Status
    from gru_lower.verification.runs_evidence import RunsEvidence

FRAMES = 240
"""How many frames are streamed at least."""
PUSHES = (1, 2, 7)
"""How many frames are pushed at once, beside as many as the model takes."""
SHORTER = 203
"""A number of frames that is no multiple of a chunk."""


def verify_streamed(
    original: Model, streamed: Model, options: VerifyOptions, progress: Callable[[str, int, int], None]
) -> Verification:
    """Run the whole model on sequences and the streamed one on their frames, and compare, first and last ones included.

    Args:
        original: The whole-sequence model.
        streamed: What came of it.
        options: Tolerances, inputs and limits.
        progress: Called with ``(what, done, total)``.

    Raises:
        BadInputs: Inputs that were given do not fit the model.

    """
    found = describe(streamed.proto)
    if found is None:
        raise AssertionError("it is no streamed model")
    with (
        worker_for(options) as worker,
        RunningModel(worker, original.proto, original.base_dir) as whole,
        RunningModel(worker, streamed.proto, original.base_dir) as by_frame,
    ):
        limits = output_limits(original.proto, streamed.proto)
        pair = ModelPair(whole, by_frame, options, limits, silent)
        return _Comparison(pair, found, progress).verdict()


class _Comparison:
    def __init__(self, pair: ModelPair, found: StreamDescription, progress: Callable[[str, int, int], None]) -> None:
        self.pair, self.found, self.progress = pair, found, progress
        self.times = {each.name: each.axis for each in found.inputs}
        self.frames: list[int] = []
        self.pushes: list[int] = []
        self.push: Feeds | None = None
        self.states = {each.input for each in found.states}
        self.inputs = {
            name: (np.dtype(helper.tensor_dtype_to_np_dtype(spec.elem_type)), list(spec.dims or ()))
            for name, spec in inputs_of(pair.rewrite.model).items()
            if spec.default is None or name in self.states
        }

    def verdict(self) -> Verification:
        cases: list[Case] = []
        outputs: list[Feeds] = []
        refusal: RunFailure | None = None
        try:
            for number, feeds in enumerate(self._feeds()):
                try:
                    expected = self.pair.original.run("onnxruntime", feeds)
                except RunFailure as failure:
                    refusal = refusal or failure
                    if failure.kind in {"timeout", "memory"}:
                        break
                    continue
                self.frames.append(self._fed(feeds))
                pushes = dict.fromkeys((*PUSHES, self.found.chunk)) if not cases else {PUSHES[-1]: None}
                for pushed in pushes:
                    self.progress("streaming", len(outputs), len(PUSHES) + 3)
                    cases.append(Case(number, feeds, self._wanted(expected)))
                    self.pushes.append(pushed)
                    outputs.append(self._streamed(feeds, pushed, expected))
        except RunFailure as failure:
            status: Status = "inconclusive" if failure.kind in {"timeout", "memory"} else "different"
            return Verification(status, "model", message=f"the streamed model fails ({failure.kind}): {failure}")
        except Unfeedable as error:
            return Verification("inconclusive", "model", message=error.message)
        if not cases:
            return Verification("inconclusive", "model", message=f"the original does not run: {refusal}")
        return self._judged(cases, outputs)

    def _judged(self, cases: list[Case], outputs: list[Feeds]) -> Verification:
        verdict = self.pair.tally(cases, outputs).verification("model")
        if self.pair.options.evidence:
            verdict.evidence = self._evidence(cases, outputs)
        pushes = ", ".join(str(each) for each in dict.fromkeys((*PUSHES, self.found.chunk)))
        how = f"{' and '.join(map(str, self.frames))} frames, pushed {pushes} at a time, against the whole sequence"
        if self.found.context is not None:
            text = f"streamed by windows: up to {verdict.max_abs_error or 0:.2g} away from the whole sequence ({how})"
            return replace(verdict, status="inconclusive", message=text)
        if verdict.status == "different":
            verdict.counterexample = cases[0].feeds
        return replace(verdict, message="; ".join(filter(None, (verdict.message, how))))

    def _evidence(self, cases: list[Case], outputs: list[Feeds]) -> RunsEvidence:
        from gru_lower.verification.evidence.output_evidence import evidence_of

        found = evidence_of(
            [case.feeds for case in cases],
            [case.outputs for case in cases],
            outputs,
            {name: self.pair.tolerance(name, expected) for name, expected in cases[0].outputs.items()},
            {each.name: each.axis for each in self.found.outputs if each.axis is not None},
            {place: f"pushed {pushed} at a time" for place, pushed in enumerate(self.pushes)},
            by_tolerance=self.found.context is None,
        )
        found.push = self.push
        return found

    def _feeds(self) -> Iterator[Feeds]:
        options, model = self.pair.options, self.pair.original.model
        if options.inputs is not None:
            yield from (fitted(model, given) for given in options.inputs)
            return
        plan = plan_inputs(model, seed=options.seed, shapes=options.shapes)
        dims = [plan.sizes.find((plan.inputs[name].dims or ())[axis]) for name, axis in self.times.items()]
        open_time = [dim for dim in dims if isinstance(dim, str)]
        every = self.found.chunk * lcm(*(prod(over for _, _, over in each.length) for each in self.found.outputs), 1)
        lengths = [-(-FRAMES // every) * every, SHORTER, every] if open_time else [0]
        for attempt, frames in enumerate(lengths[: max(2, options.cases)]):
            chosen = choose_sizes(plan.unknown(), 3 if attempt else 0)
            feeds = plan.draw(chosen | dict.fromkeys(open_time, frames), attempt)
            for name, spec in plan.inputs.items():
                if name in feeds and name not in self.times and are_lengths(spec, plan.roles.get(name)):
                    feeds[name] = np.full_like(feeds[name], self._fed(feeds))
            yield feeds

    def _fed(self, feeds: Feeds) -> int:
        name, axis = next(iter(self.times.items()))
        return int(feeds[name].shape[axis])

    def _wanted(self, expected: Feeds) -> Feeds:
        """Return the outputs of the whole model that the streamed one has as well, but for its states."""
        return {each.name: expected[each.name] for each in self.found.outputs}

    def _run(self, given: Feeds) -> Feeds:
        """Run the streamed model once, and remember the inputs."""
        self.push = given
        return self.pair.rewrite.run("onnxruntime", given)

    def _streamed(self, feeds: Feeds, pushed: int, expected: Feeds) -> Feeds:
        """Return what comes of the frames, so many pushed at a time."""
        stream = FrameStream(self.found, self.inputs, self._run)
        stream.reset({name: value for name, value in feeds.items() if name in self.states})
        known = {name: value for name, value in feeds.items() if name in self.inputs and name not in self.states}
        pieces: dict[str, list[np.ndarray]] = {each.name: [] for each in self.found.outputs}
        fed = self._fed(feeds)
        try:
            for begin in range(0, fed, pushed):
                given = {
                    name: np.take(value, range(begin, min(begin + pushed, fed)), axis=self.times[name])
                    if name in self.times
                    else value
                    for name, value in known.items()
                }
                self._add(pieces, stream.push(given))
            self._add(pieces, stream.flush())
        except Unsupported as error:
            raise BadInputs(error.message, hint=error.hint or "") from error
        return {
            each.name: _whole(pieces[each.name], stream.axis_of(each), expected[each.name])
            for each in self.found.outputs
        }

    @staticmethod
    def _add(pieces: dict[str, list[np.ndarray]], came: Feeds) -> None:
        for name, value in came.items():
            pieces[name].append(value)


def _whole(pieces: list[np.ndarray], axis: int | None, like: np.ndarray) -> np.ndarray:
    """Return frames that came in pieces as one array."""
    if not pieces:
        return np.zeros([0] * like.ndim, like.dtype)
    return pieces[-1] if axis is None else np.concatenate(pieces, axis)
