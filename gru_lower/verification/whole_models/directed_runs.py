"""Run two models on inputs that are drawn on purpose, within a time or a number of cases."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.result import Verification
from gru_lower.verification.whole_models.judge_apart import NotTold, OnEmpty, differ_on_special
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.directing.directed_draws import DirectedDraws
    from gru_lower.verification.directing.draws import Draw
    from gru_lower.verification.drawn_inputs import DrawnInputs
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs

_MOST_ELEMENTS = 1 << 22
_CORNER_SECONDS = 0.03  # that one case of lower, fuse and legalize may take, both models together
_OVERHEAD = 1e-4  # seconds of a run that do not grow with its inputs
_LONGEST_CORNER = 1.0  # seconds that all of them may be expected to take
_CORNER_SIZES = (300, 130, 64, 24)
_APART = {"empty", "special"}
_JUDGED_IN_DOUBLE = {"large", "tiny", "number", "zeros"}


@dataclass
class DirectedRuns:
    """Runs two models on draws.

    Attributes:
        pair: The models.
        runs: What they computed so far.
        draws: What may be drawn.
        drawn: What was; it is added to.
        add: Runs both on inputs, adds the case unless rounding explains what differs, and tells whether it differs;
            ``None`` where the original does not run. It is given the inputs, and a function that says whether more than
            rounding is between the two, ``None`` if it cannot.
        on_empty: The empty case that has begun, if one has.

    """

    pair: ModelPair
    runs: Runs
    draws: DirectedDraws
    drawn: DrawnInputs
    add: Callable[[Feeds, Callable[[Feeds], bool | None] | None], bool | None]
    on_empty: OnEmpty | None = None

    def run_corners(self) -> Verification | None:
        """Run a long, a wide and an empty case, of sizes that take next to no time; return a difference found apart."""
        steps, batches = self.draws.steps()[:1], self.draws.batches()[-1:]
        long, wide = (self._corner_size(names) for names in (steps, batches))
        corners = [self._begun(draw) for draw in self.draws.corners(long, wide)]
        return self.run(corners, time.monotonic() + _LONGEST_CORNER, 3)

    def _begun(self, draw: Draw) -> Draw:
        """Begin to run both models on a draw, side by side where that is done; return it with what was drawn."""
        if draw.kind == "special" or self.draws.elements(draw.sizes) > _MOST_ELEMENTS:
            return draw
        try:
            feeds = draw.make()
        except (BadInputs, Unfeedable):  # as is told in its turn
            return draw
        if draw.kind == "empty":
            self.on_empty = OnEmpty(self.pair, feeds)
            self.on_empty.begin()
        else:
            for model in (self.pair.original, self.pair.rewrite):
                model.run_ahead(feeds, at_once=True)
        return replace(draw, make=lambda: feeds)

    def _corner_size(self, names: list[str]) -> int:
        """Return the largest size of a dim that takes next to no time, but no smaller one than is still long."""
        per_element = self._seconds_per_element()
        for size in _CORNER_SIZES if names else ():
            if self.draws.elements({**self.draws.base, names[0]: size}) * per_element <= _CORNER_SECONDS:
                return size
        return _CORNER_SIZES[-1]

    def run(self, draws: Iterable[Draw], until: float, most: int) -> Verification | None:
        """Run both models on draws.

        Args:
            draws: What to draw, in order.
            until: When to stop, on :func:`time.monotonic`'s clock.
            most: How many at most.

        Returns:
            A difference that was found on inputs that are no ordinary case, ``None`` without one.

        Raises:
            RunFailure: The rewrite fails on inputs that the original runs on.

        """
        done, per_element = 0, self._seconds_per_element()
        for draw in draws:
            elements = self.draws.elements(draw.sizes)
            expected = elements * per_element
            if elements > _MOST_ELEMENTS or any(size < 0 for size in draw.sizes.values()):
                self._leave_out(draw, "too large")
            elif done >= most:
                self._leave_out(draw, "no cases were left")
            elif time.monotonic() + expected > until:
                self._leave_out(draw, "no time was left")
            else:
                done += 1
                found, differs = self._one(draw)
                if found is not None or differs:
                    return found
        return None

    def _one(self, draw: Draw) -> tuple[Verification | None, bool]:
        try:
            feeds = draw.make()
        except (BadInputs, Unfeedable) as error:
            self._leave_out(draw, error.message)
            return None, False
        if draw.kind in _APART:
            return self._apart(draw, feeds), False
        last_word = self._beyond_double if draw.kind in _JUDGED_IN_DOUBLE else None
        try:
            differs = self.add(feeds, last_word)
        except RunFailure as failure:
            if failure.kind in {"timeout", "memory"}:
                self._leave_out(draw, f"the second model takes too much: {failure}")
                return None, False
            message = f"the rewrite fails where the original runs ({failure.kind}), on {draw.what}: {failure}"
            return Verification("different", "model", message=message, counterexample=feeds), False
        if differs is None:
            self._leave_out(draw, "the first model fails on it")
            return None, False
        self.drawn.add(draw.kind, feeds, draw.sizes)
        if differs:
            self.runs.words[self.runs.cases[-1].number] = draw.what
        return None, differs

    def _apart(self, draw: Draw, feeds: Feeds) -> Verification | None:
        try:
            reason = self._difference_apart(draw, feeds)
        except NotTold as told:
            self._leave_out(draw, str(told))
            return None
        self.drawn.add(draw.kind, feeds, draw.sizes)
        if not reason:
            return None
        return Verification("different", "model", message=f"on {draw.what}, {reason}", counterexample=feeds)

    def _difference_apart(self, draw: Draw, feeds: Feeds) -> str:
        if draw.kind == "special":
            return differ_on_special(self.pair, feeds)
        begun, self.on_empty = self.on_empty, None
        return (begun or OnEmpty(self.pair, feeds)).difference()

    def _beyond_double(self, feeds: Feeds) -> bool | None:
        """Whether more than rounding is between the two: whether they differ in float64, too; None if not known."""
        from gru_lower.verification.whole_models.agree_in_double import agree_in_double  # which few draws need

        agree = agree_in_double(self.pair.original, self.pair.rewrite, feeds)
        return None if agree is None else not agree

    def _leave_out(self, draw: Draw, why: str) -> None:
        self.drawn.leave_out(draw.kind, draw.what, why)

    def _seconds_per_element(self) -> float:
        """Return about how long both models take for one element of their inputs."""
        elements = self.draws.elements(self.draws.base)
        taken = (max(0.0, model.fastest - _OVERHEAD) for model in (self.pair.original, self.pair.rewrite))
        return sum(taken) / max(1, elements)
