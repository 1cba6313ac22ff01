"""Pairs of options: each pair of options that are right alone has to be right together in some GRU.

1. Pairs with nothing but plain options around them, for the GRU node: a runtime may take another way through its code
   where all the rest is plain, and most models are.
2. Random GRUs until every pair has been right in one of them.
3. Random GRUs with a few options that are not plain.

A GRU that fails is shrunk: option by option goes back to the plain one as long as it still fails. What is left is an
exception, and no GRU drawn later holds all of it.
"""

from __future__ import annotations

import itertools
from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.probing.compatible_options import compatible
from gru_lower.targets.option_axes import AXES, AXIS_OF, COARSER, with_coarser, with_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from gru_lower.targets.profile import Verdict

Options = frozenset[str]
UNPAIRED = frozenset({"f", "g"})
"""Axes whose options are not paired with each other: a runtime that has two functions has them in both places."""
PLAIN_AT_A_TIME = 16
SAMPLES, ODD = 48, 0.25
"""How many GRUs are drawn at the end, and how likely an axis of them is to take another option than the plain one."""
DRAWS, TRIES = 8, 6
"""How many GRUs are drawn for each that is run, which is the one with the most new pairs; and how often a pair is tried
among others before it is tried with nothing but what it needs."""


@dataclass
class Covered:
    """The result of a search.

    Attributes:
        exceptions: Options that fail together, with the worse of the verdicts seen.
        whole: Whether every pair was run; not where too many failed.
        runs: How many models were run.

    """

    exceptions: dict[Options, Verdict] = field(default_factory=dict)
    whole: bool = True
    runs: int = 0


class PairCover:
    """A search that runs GRUs until every pair of options was right in one of them.

    Args:
        right: The options that are right alone, by axis.
        base: Options that are right together: the plain ones, mostly.
        attempt: Runs GRUs with these options; returns for each the options it really took and how it fared, ``None``
            where there is no such GRU.
        rng: Where draws come from.
        batch: How many to run at a time.

    """

    def __init__(
        self,
        right: dict[str, list[str]],
        base: Options,
        attempt: Callable[[Sequence[Options]], list[tuple[Options, Verdict] | None]],
        rng: np.random.Generator,
        batch: int = 1,
    ) -> None:
        """Begin with every pair open that can be."""
        self._right, self._base, self._attempt, self._rng, self._batch = right, base, attempt, rng, batch
        self._known = frozenset(option for options in right.values() for option in options)
        pairs = (
            frozenset(pair)
            for one, other in itertools.combinations(right, 2)
            if not {one, other} <= UNPAIRED
            for pair in itertools.product(right[one], right[other])
        )
        self._open = {pair: 0 for pair in pairs if self._plainest_with(pair) is not None}
        self.result = Covered()

    def run(self, limit: int, *, plain: bool) -> Covered:
        """Search until no pair is open, or so many models were run; first with plain options around, if asked."""
        if plain:
            self._run_plain_pairs()
        while self._open and self.result.runs < limit:
            self._try([self._draw() for _ in range(self._batch)])
        self.result.whole = not self._open
        for _ in range(0, SAMPLES, self._batch):
            self._try([self._sample() for _ in range(self._batch)])
        return self.result

    def _run_plain_pairs(self) -> None:
        """Run pairs by themselves; of the activations, one of each kind."""
        shown = {next((option for option in self._right.get(axis, ())[1:]), "") for axis in UNPAIRED}
        pairs = [pair for pair in self._open if all(AXIS_OF[each] not in UNPAIRED or each in shown for each in pair)]
        found = [self._plainest_with(pair) for pair in pairs if not pair & self._base]
        wanted = list(dict.fromkeys(each for each in found if each is not None))
        for first in range(0, len(wanted), PLAIN_AT_A_TIME):
            self._try([each for each in wanted[first : first + PLAIN_AT_A_TIME] if not self._holds_exception(each)])

    def _try(self, drawn: Sequence[Options]) -> None:
        different = list(dict.fromkeys(drawn))
        for wanted, found in zip(different, self._run(different), strict=True):
            if found is None:
                self._drop_impossible(wanted)
            elif found[1] == "right":
                self._mark_covered(found[0] | wanted)
            else:
                self._shrink_to_exception(wanted, found[1])

    def _sample(self) -> Options:
        """Draw a GRU that is plain for the most part."""
        for _ in range(DRAWS):
            odd = {
                axis: options[int(self._rng.integers(len(options)))]
                for axis, options in self._right.items()
                if self._rng.random() < ODD
            }
            found = compatible(with_options(self._base, *odd.values()), frozenset(), self._known)
            if found is not None and not self._holds_exception(found):
                return found
        return self._base

    def _run(self, wanted: Sequence[Options]) -> list[tuple[Options, Verdict] | None]:
        self.result.runs += len(wanted)
        return self._attempt(wanted)

    def _plainest_with(self, pair: Options) -> Options | None:
        """Return the plainest GRU with a pair."""
        return compatible(with_options(self._base, *pair), pair, self._known)

    def _draw(self) -> Options:
        """Draw a GRU around the open pair that was tried least."""
        least = min(self._open.values(), default=0)
        pairs = sorted(sorted(pair) for pair, tries in self._open.items() if tries == least)
        pair = frozenset(pairs[int(self._rng.integers(len(pairs)))])
        self._open[pair] += 1
        drawn = [
            compatible(self._filled_at_random(pair), pair, self._known) for _ in range(DRAWS if least < TRIES else 0)
        ]
        found = [each for each in drawn if each is not None and not self._holds_exception(each)]
        return max(found, key=self._new_pairs) if found else self._plainest_with(pair) or self._base

    def _filled_at_random(self, pair: Options) -> Options:
        axes = {AXIS_OF[option] for option in pair}
        others = [
            options[int(self._rng.integers(len(options)))] for axis, options in self._right.items() if axis not in axes
        ]
        return frozenset([*pair, *others])

    def _new_pairs(self, options: Options) -> int:
        return sum(frozenset(pair) in self._open for pair in itertools.combinations(options, 2))

    def _holds_exception(self, options: Options) -> bool:
        return any(each <= with_coarser(options) for each in self.result.exceptions)

    def _mark_covered(self, options: Options) -> None:
        self._open = {pair: tries for pair, tries in self._open.items() if not pair <= options}

    def _drop_impossible(self, wanted: Options) -> None:
        """Close the pairs of a GRU that does not exist, if it was the plainest GRU with that pair."""
        self._open = {
            pair: tries
            for pair, tries in self._open.items()
            if not (pair <= wanted and self._plainest_with(pair) == wanted)
        }

    def _shrink_to_exception(self, wanted: Options, verdict: Verdict) -> None:
        """Reduce a GRU that fails to the options that make it fail, and record these as an exception."""
        if self._holds_exception(wanted):
            self._open = {pair: tries for pair, tries in self._open.items() if self._plainest_with(pair) != wanted}
            return
        plain = {AXIS_OF[option]: option for option in self._base}
        failing = wanted
        plainer = [plain[axis] for axis in sorted(AXES, key=lambda _axis: self._rng.random())]
        for option in [*plainer, *(COARSER[option] for option in sorted(wanted & COARSER.keys()))]:
            simpler = compatible(with_options(failing, option), frozenset({option}), self._known)
            if simpler is None or not self._is_simpler(simpler, failing):
                continue
            (found,) = self._run([simpler])
            if found is not None and found[1] != "right":
                failing, verdict = simpler, found[1]
        cause = failing - self._base
        if len(cause) < 2:  # it would be the option alone, which was right
            cause = failing
        self.result.exceptions[cause] = verdict
        self._open = {pair: tries for pair, tries in self._open.items() if not cause <= with_coarser(pair)}

    def _is_simpler(self, one: Options, other: Options) -> bool:
        """Whether less of a GRU is not plain than of another, or as much with fewer special cases."""
        counts = [(len(each - self._base), len(each & COARSER.keys())) for each in (one, other)]
        return counts[0] < counts[1]
