"""Fitting costs to what was measured: for each way, the terms that come nearest to all its times, none below zero.

Then ways are left out that no size is in need of, so that a profile holds a few.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.targets.costs import CLEARLY, NODE, STEPS, Cost, Costs, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gru_lower.targets.costs import Size

Array = np.ndarray[Any, np.dtype[Any]]
Cells = dict[tuple["Size", str], dict["Way", float]]
"""What each way takes, by size and precision."""
WORTH = 0.0015
"""How much of the time, in the mean over all sizes, a way has to save to stay in a profile."""
DIGITS = 4
ROUNDS = 12
"""How often sizes at which costs choose badly are given more weight."""
SPREAD = 0.5
"""How much bad single sizes count beside the mean."""


@dataclass(frozen=True)
class Measured:
    """The median time of one way at one size.

    Attributes:
        size: The size.
        way: The way.
        seconds: Of one run, in any unit that is the same for all ways of a size.
        precision: What the target computed in.
        flags: The target's flags.
        spread: What lies between the quartiles of its rounds, of the median.

    """

    size: Size
    way: Way
    seconds: float
    precision: str = ""
    flags: str = ""
    spread: float = 0.0


def fit_costs(measured: Sequence[Measured], version: str, machine: str = "") -> Costs:
    """Fit the costs of all ways.

    Sizes at which what costs choose is not the fastest are given more weight, again and again: near where two ways take
    the same, being right counts.

    Args:
        measured: What was measured; the node first, if it was.
        version: Of the target.
        machine: What it ran on.

    """
    unit = float(np.median([each.seconds for each in measured])) if measured else 1.0
    grouped, cells = _grouped(measured), _by_size(measured)
    weights = dict.fromkeys(cells, 1.0)
    best, least = Costs(version, machine), float("inf")
    for _ in range(ROUNDS):
        rows = [
            row
            for (way, precision, flags), each in grouped.items()
            for row in _rows(way, precision, flags, each, unit, weights)
        ]
        costs = Costs(version, machine, tuple(rows))
        lost = _lost(costs, costs.ways, cells)
        score = float(np.mean([*lost.values()]) + SPREAD * np.std([*lost.values()])) if lost else 0.0
        if score < least:
            best, least = costs, score
        for cell, each in lost.items():
            weights[cell] *= 1 + each
    return _without_idle_kinds(_without_idle_ways(best, cells), cells)


def _by_size(measured: Iterable[Measured]) -> Cells:
    """Return what each way takes, by size and precision, without flags."""
    cells: Cells = {}
    for each in measured:
        if not each.flags:
            cells.setdefault((each.size, each.precision), {})[each.way] = each.seconds
    return cells


def _grouped(measured: Iterable[Measured]) -> dict[tuple[Way, str, str], list[Measured]]:
    found: dict[tuple[Way, str, str], list[Measured]] = {}
    for each in measured:
        found.setdefault((each.way, each.precision, each.flags), []).append(each)
    return found


def _rows(
    way: Way,
    precision: str,
    flags: str,
    measured: Sequence[Measured],
    unit: float,
    weights: Mapping[tuple[Size, str], float],
) -> Iterable[Cost]:
    for lbr in (0, 1):
        for steps in STEPS:
            kind = [each for each in measured if (each.size.linear_before_reset, each.size.steps) == (lbr, steps)]
            for only in (False, True):
                cells = [each for each in kind if each.size.only_Y == only]
                if cells:
                    terms = np.array([each.size.terms for each in cells])
                    taken = np.array([each.seconds / unit for each in cells])
                    weight = np.array([weights.get((each.size, each.precision), 1.0) for each in cells])
                    yield Cost(way, lbr, steps, _fitted(terms, taken, weight), precision, flags, only)


def _fitted(terms: Array, taken: Array, weight: Array) -> tuple[float, ...]:
    """Return the coefficients, none negative, that are nearest to all times, relative to them."""
    root = np.sqrt(weight)
    relative, count = terms / taken[:, None] * root[:, None], terms.shape[1]
    scale = np.abs(relative).max(axis=0)
    relative = relative / scale
    best, least = np.zeros(count), float("inf")
    for used in (list(each) for size in range(1, count + 1) for each in combinations(range(count), size)):
        if len(used) > len(taken):
            continue
        found = np.linalg.lstsq(relative[:, used], root, rcond=None)[0]
        error = float(((relative[:, used] @ found - root) ** 2).sum())
        if (found >= 0).all() and error < least:
            best, least = np.zeros(count), error
            best[used] = found
    return tuple(float(f"{each:.{DIGITS}g}") for each in best / scale)


def _without_idle_ways(costs: Costs, cells: Cells) -> Costs:
    """Leave ways out as long as the rest serves about as well; of each form one stays."""
    kept = costs.ways
    while True:
        now = _regret(costs, kept, cells)
        tries = [[way for way in kept if way != left_out] for left_out in kept if left_out != Way(NODE)]
        tries = [each for each in tries if {way.form for way in each} == {way.form for way in kept}]
        if not tries:
            break
        best = min(tries, key=lambda each: _regret(costs, each, cells))
        if _regret(costs, best, cells) > now + WORTH:
            break
        kept = best
    return replace(costs, rows=tuple(row for row in costs.rows if row.flags or row.way in kept))


def _without_idle_kinds(costs: Costs, cells: Cells) -> Costs:
    """Leave out what costs with Y alone where those with both outputs serve about as well."""
    both = replace(costs, rows=tuple(row for row in costs.rows if not row.only_Y))
    serves = _regret(both, both.ways, cells) < _regret(costs, costs.ways, cells) + WORTH
    kinds = {(row.linear_before_reset, row.steps) for row in costs.rows if not row.only_Y}
    alone = {(row.linear_before_reset, row.steps) for row in costs.rows if row.only_Y}
    return both if serves and alone <= kinds else costs


def _regret(costs: Costs, ways: Sequence[Way], cells: Cells) -> float:
    """Return how much more than the fastest is taken where costs choose, as the mean of logarithms."""
    lost = list(_lost(costs, ways, cells).values())
    return float(np.mean(lost)) if lost else 0.0


def _lost(costs: Costs, ways: Sequence[Way], cells: Cells) -> dict[tuple[Size, str], float]:
    """Return how much more than the fastest is taken at each size, as a logarithm."""
    lost = {}
    for (size, precision), taken in cells.items():
        estimated = {
            way: found for way in ways if way in taken and (found := costs.estimate(way, size, precision)) is not None
        }
        if estimated:
            chosen = min(estimated, key=lambda way: estimated[way])
            if estimated[chosen] > CLEARLY * estimated.get(Way(NODE), float("inf")):
                chosen = Way(NODE)  # as it stays
            lost[size, precision] = float(np.log(taken[chosen] / min(taken.values())))
    return lost
