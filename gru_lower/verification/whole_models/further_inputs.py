"""Run two models on further inputs: wilder ones, then those that a search leads to.

A difference may be hidden where gates are saturated, where labels only change near a boundary, or where it is below the
tolerance on the first inputs.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.rounding import beyond_rounding, overflown
from gru_lower.verification.directing.directed_draws import sizes_of
from gru_lower.verification.running.run_cases import run_original, run_rewrite
from gru_lower.verification.steps import silent
from gru_lower.verification.whole_models.directed_runs import DirectedRuns
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.directing.directed_draws import DirectedDraws
    from gru_lower.verification.drawn_inputs import DrawnInputs
    from gru_lower.verification.result import Verification
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs

MOST_INPUTS, MOST_INPUTS_WITHOUT_FLOATS = 120, 400
"""How many further inputs there are at most; where not all outputs are floats, each one says little."""

MOST_DIRECTED = 160
"""How many inputs drawn on purpose there are at most."""

_SHARE_DIRECTED = 2 / 3

_UNTIL_SEARCHED = 1.5
"""When the search ends, in times for further inputs."""

STARTS = 3
"""How many searches there are, from the cases on which the two models are furthest apart."""


def run_further_inputs(
    pair: ModelPair, runs: Runs, more: Iterable[Feeds], directed: DirectedDraws | None, drawn: DrawnInputs
) -> Verification | None:
    """Add cases until the inputs end, the time is over or the cases are used up, then search for one that differs.

    Inputs that are drawn on purpose come first, for at most two thirds of the budget. Where a tolerance is given, there
    is no search, and the inputs do not depend on it: what passes with the least tolerance that was found, passes.

    Args:
        pair: The models.
        runs: What they computed so far; cases are added to it.
        more: Further inputs.
        directed: What is drawn on purpose; ``None`` for nothing.
        drawn: What was drawn so far; it is added to.

    Returns:
        A difference that was found on inputs that are no ordinary case; ``None`` without one.

    Raises:
        RunFailure: The rewrite fails on inputs that the original runs on.

    """
    return _Further(pair, runs, drawn).run(more, directed)


class _Further:
    """Further inputs for two models.

    Attributes:
        begun: When the first of them was, on :func:`time.monotonic`'s clock.
        tried: How many there were.
        differs: Whether the two are known to differ: from then on, a case only adds to the tolerance that would pass.

    """

    def __init__(self, pair: ModelPair, runs: Runs, drawn: DrawnInputs) -> None:
        """Begin with what is known of the first cases."""
        self.pair, self.runs, self.drawn = pair, runs, drawn
        self.run_alone = partial(pair.original.run, runs.runtime)
        self.differs = bool(pair.tally(runs.cases, runs.outputs).failing)
        self.begun, self.tried = time.monotonic(), 0

    def run(self, more: Iterable[Feeds], directed: DirectedDraws | None) -> Verification | None:
        """Run both models on further inputs, then search."""
        options = self.pair.options
        counted = options.further is not None
        seconds = math.inf if counted else options.seconds
        begun = self.begun = time.monotonic()
        apart, done = None, len(self.runs.cases)
        if directed is not None and not self.differs:
            runner = DirectedRuns(self.pair, self.runs, directed, self.drawn, self._tried)
            if counted or seconds:
                most = MOST_DIRECTED if options.further is None else options.further - options.further // 3
                apart = runner.run(directed.every(), begun + seconds * _SHARE_DIRECTED, most)
            elif options.corners:
                apart = runner.run_corners()
        if apart is not None or not (counted or seconds):
            return apart
        self.differs = self.differs or bool(self.runs.words)
        left = None if options.further is None else max(0, options.further - len(self.runs.cases) + done)
        self._run_more(more, directed, begun + seconds, left)
        if not self.differs and options.atol is None and options.rtol is None:
            self._search(begun + seconds * _UNTIL_SEARCHED)
        return None

    def _run_more(self, more: Iterable[Feeds], directed: DirectedDraws | None, until: float, most: int | None) -> None:
        floats = all(is_float(array.dtype) for array in self.runs.cases[0].outputs.values())
        if most is None:
            most = MOST_INPUTS if floats else MOST_INPUTS_WITHOUT_FLOATS
        for feeds in islice(more, most):
            if time.monotonic() > until or (self.differs and not floats):
                return
            differs = self._tried(feeds)
            if differs is not None and directed is not None:
                self.drawn.add("wild", feeds, sizes_of(directed.plan, feeds))
            self.differs |= bool(differs)

    def _tried(self, feeds: Feeds, last_word: Callable[[Feeds], bool | None] | None = None) -> bool | None:
        """Add a case unless rounding or an overflow explains what differs; tell whether it differs, None if not run."""
        pair, runs = self.pair, self.runs
        self._say()
        found, _ = run_original(pair.original, runs.runtime, [feeds], 1, silent)
        if not found:
            return None
        case = replace(found[0], number=runs.cases[-1].number + 1)
        (actual,), _ = run_rewrite(pair.rewrite, [runs.rewrite_runtime], [case], silent)
        failing = bool(pair.tally([case], [actual]).failing)
        if failing and overflown(case.outputs, actual):
            return False
        if failing and not self.differs:
            beyond = None if last_word is None else last_word(feeds)
            if beyond:
                runs.surely_differing.add(case.number)
            if beyond is None:
                beyond = beyond_rounding(case.outputs, actual, self.run_alone, feeds, limits=pair.tolerance)
            if not beyond:
                return False
        runs.cases.append(case)
        runs.outputs.append(actual)
        return failing

    def _say(self) -> None:
        """Say how far it is: by the cases that are asked for, else by the time for it, else not in numbers."""
        options, what = self.pair.options, "looking for inputs on which the two differ"
        self.tried += 1
        if options.further is not None:
            self.pair.say(f"{what}, case", min(self.tried, options.further), options.further)
        elif options.seconds:
            most = math.ceil(options.seconds * _UNTIL_SEARCHED)
            self.pair.say(f"{what}, second", min(int(time.monotonic() - self.begun) + 1, most), most)
        else:
            self.pair.say(what, 0, 0)

    def _search(self, until: float) -> None:
        """Search for inputs on which the two differ, from those on which they are furthest apart."""
        from gru_lower.verification.whole_models.search_inputs import distance_in_tolerances, search_inputs

        pair, runs = self.pair, self.runs

        def furthest(place: int) -> float:
            return distance_in_tolerances(runs.cases[place].outputs, runs.outputs[place], pair.tolerance)

        for place in sorted(range(len(runs.cases)), key=furthest, reverse=True)[:STARTS]:
            start = runs.cases[place].feeds
            led = search_inputs(self._both, self.run_alone, start, pair.tolerance, until, pair.options.seed)
            if led is not None and self._tried(led):
                return

    def _both(self, feeds: Feeds) -> tuple[Feeds, Feeds] | None:
        """Run both models; None where one of them fails."""
        self._say()
        try:
            return self.run_alone(feeds), self.pair.rewrite.run(self.runs.rewrite_runtime, feeds)
        except RunFailure:
            return None
