"""Run two models on further inputs: wilder ones, then those that a search leads to.

A difference may be hidden where gates are saturated, where labels only change near a boundary, or where it is below the
tolerance on the first inputs.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.rounding import beyond_rounding, overflown
from gru_lower.verification.running.run_cases import run_original, run_rewrite
from gru_lower.verification.whole_models.search_inputs import distance_in_tolerances, search_inputs
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs

MOST_INPUTS, MOST_INPUTS_WITHOUT_FLOATS = 120, 400
"""How many further inputs there are at most; where not all outputs are floats, each one says little."""

STARTS = 3
"""How many searches there are, from the cases on which the two models are furthest apart."""


def run_further_inputs(pair: ModelPair, runs: Runs, more: Iterable[Feeds]) -> None:
    """Add cases until the inputs end or the time is over, then search for one that differs.

    Where a tolerance is given, there is no search, and the inputs do not depend on it: what passes with the least
    tolerance that was found, passes.

    Args:
        pair: The models.
        runs: What they computed so far; cases are added to it.
        more: Further inputs.

    Raises:
        RunFailure: The rewrite fails on inputs that the original runs on.

    """
    _Further(pair, runs).run(more)


class _Further:
    """Further inputs for two models.

    Attributes:
        differs: Whether the two are known to differ: from then on, a case only adds to the tolerance that would pass.

    """

    def __init__(self, pair: ModelPair, runs: Runs) -> None:
        """Begin with what is known of the first cases."""
        self.pair, self.runs = pair, runs
        self.run_alone = partial(pair.original.run, runs.runtime)
        self.differs = bool(pair.tally(runs.cases, runs.outputs).failing)

    def run(self, more: Iterable[Feeds]) -> None:
        """Run both models on further inputs, then search."""
        options = self.pair.options
        until = time.monotonic() + options.seconds
        floats = all(is_float(array.dtype) for array in self.runs.cases[0].outputs.values())
        for feeds in islice(more, MOST_INPUTS if floats else MOST_INPUTS_WITHOUT_FLOATS):
            if time.monotonic() > until or (self.differs and not floats):
                return
            self.differs |= self._add(feeds)
        if not self.differs and options.atol is None and options.rtol is None:
            self._search(until + options.seconds / 2)

    def _add(self, feeds: Feeds) -> bool:
        """Add a case unless rounding or an overflow explains what differs; tell whether it differs."""
        pair, runs = self.pair, self.runs
        found, _ = run_original(pair.original, runs.runtime, [feeds], 1, pair.say)
        if not found:
            return False
        case = replace(found[0], number=runs.cases[-1].number + 1)
        (actual,), _ = run_rewrite(pair.rewrite, [runs.rewrite_runtime], [case], pair.say)
        failing = bool(pair.tally([case], [actual]).failing)
        if failing and overflown(case.outputs, actual):
            return False
        if (
            failing
            and not self.differs
            and not beyond_rounding(case.outputs, actual, self.run_alone, feeds, limits=pair.tolerance)
        ):
            return False
        runs.cases.append(case)
        runs.outputs.append(actual)
        return failing

    def _search(self, until: float) -> None:
        """Search for inputs on which the two differ, from those on which they are furthest apart."""
        pair, runs = self.pair, self.runs

        def furthest(place: int) -> float:
            return distance_in_tolerances(runs.cases[place].outputs, runs.outputs[place], pair.tolerance)

        for place in sorted(range(len(runs.cases)), key=furthest, reverse=True)[:STARTS]:
            start = runs.cases[place].feeds
            led = search_inputs(self._both, self.run_alone, start, pair.tolerance, until, pair.options.seed)
            if led is not None and self._add(led):
                return

    def _both(self, feeds: Feeds) -> tuple[Feeds, Feeds] | None:
        """Run both models; None where one of them fails."""
        self.pair.say("looking for inputs on which the two differ")
        try:
            return self.run_alone(feeds), self.pair.rewrite.run(self.runs.rewrite_runtime, feeds)
        except RunFailure:
            return None
