"""``python -m benchmarks fit``: measure which Scan bodies to pack, and write passes/lower_gru/costs.json anew.

A row of the file is a rectangle: every H and every batch up to some size. For each number of directions and each
linear_before_reset, rows are added, changed, cut and taken out one at a time, each time so that the geometric mean of
the times over the cells measured becomes least, as long as a row wins enough; for an unknown batch rows are found in
the same way, each for all batches up to 16.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gru_case import Case
from benchmarks.measure import measure, say
from benchmarks.spell_costs import spelled
from gru_lower.passes.lower_gru.costs import Packing, costs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.verification.worker.timing import Seconds

FILE = Path(__file__).resolve().parents[1] / "passes" / "lower_gru" / "costs.json"
HIDDEN, BATCH = (4, 8, 12, 16, 24, 32, 48, 64, 128, 256), (1, 2, 4, 8, 16, 64)
QUICK_HIDDEN, QUICK_BATCH = (8, 16, 32, 64), (1, 4, 16)
STEPS = 50
USES = {
    (1, 0): ("double", "triple"),
    (1, 1): ("fused", "double", "triple"),
    (2, 0): ("block", "double", "triple"),
    (2, 1): ("fused", "block", "block-fused", "double", "triple"),
}
"""By the number of directions and linear_before_reset."""
UNKNOWN_BATCH = 16
"""The largest batch that counts where it is not known."""
ROW_COST = 0.001
"""What a row has to win in the mean of the logarithms: a rule that wins nothing is not written."""


@dataclass(frozen=True)
class Row:
    """A rectangle of sizes and the packing it gets; a batch of 0 is one that is not known."""

    hidden: int
    batch: int
    use: str


@dataclass(frozen=True)
class Grid:
    """Logarithms of measured times, by packing, of shape [hidden, batch]."""

    hidden: Sequence[int]
    batch: Sequence[int]
    times: dict[str, Seconds]

    def up_to(self, batch: int) -> Grid:
        """Return the part with batches up to some size."""
        kept = [size for size in self.batch if size <= batch]
        return Grid(self.hidden, kept, {name: times[:, : len(kept)] for name, times in self.times.items()})

    def mean(self, rows: Sequence[Row]) -> float:
        """Return the mean over all cells, each packed as the first row that fits says."""
        found = self.times["none"]
        for row in reversed(rows):
            fits = np.less_equal.outer(self.hidden, [row.hidden] * len(self.batch)) & (
                np.asarray(self.batch) <= (row.batch or max(self.batch))
            )
            found = np.where(fits, self.times[row.use], found)
        return float(found.mean()) + ROW_COST * len(rows)


def run(*, quick: bool, dry_run: bool) -> int:
    """Measure, and write the file or print it."""
    hidden, batch = (QUICK_HIDDEN, QUICK_BATCH) if quick else (HIDDEN, BATCH)
    rows: list[Packing] = []
    for kind, uses in USES.items():
        grid = _measure(kind, hidden, batch, uses, 0.3 if quick else 0.8)
        rows += [_packing(kind, row) for row in best(grid, uses)]
    text = spelled(replace(costs(), packing=tuple(rows)), "packing")
    if dry_run:
        print(text)
    else:
        FILE.write_text(text, encoding="utf-8")
        print(f"wrote {FILE}")
    return 0


def best(grid: Grid, uses: Sequence[str]) -> list[Row]:
    """Return the rows for one kind of GRU, in the order in which they are tried."""
    known = [Row(*each) for each in product(grid.hidden, grid.batch, uses)]
    unknown = [Row(hidden, 0, use) for hidden, use in product(grid.hidden, uses)]
    return _grown(grid, known) + _grown(grid.up_to(UNKNOWN_BATCH), unknown)


def _grown(grid: Grid, candidates: Sequence[Row]) -> list[Row]:
    rows: list[Row] = []
    while True:
        better = min(_changed(rows, candidates), key=grid.mean)
        if grid.mean(better) >= grid.mean(rows):
            return rows
        rows = better


def _changed(rows: list[Row], candidates: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows with one left out, one added, one replaced, or one without the corner of its largest sizes."""
    for place in range(len(rows) + 1):
        yield [*rows[:place], *rows[place + 1 :]]
        for row in rows[place : place + 1]:
            for corner in candidates:
                if corner.use == row.use and corner.hidden < row.hidden and corner.batch < row.batch:
                    low, narrow = Row(corner.hidden, row.batch, row.use), Row(row.hidden, corner.batch, row.use)
                    yield [*rows[:place], low, narrow, *rows[place + 1 :]]
        for row in candidates:
            yield [*rows[:place], row, *rows[place:]]
            yield [*rows[:place], row, *rows[place + 1 :]]


def _measure(
    kind: tuple[int, int], hidden: Sequence[int], batch: Sequence[int], uses: Sequence[str], seconds: float
) -> Grid:
    names = ("none", *uses)
    times = {name: np.zeros((len(hidden), len(batch))) for name in names}
    directions, lbr = kind
    direction = "bidirectional" if directions == 2 else "forward"
    for (i, H), (j, B) in product(enumerate(hidden), enumerate(batch)):
        record = measure("fit", Case(H, B, STEPS, lbr, direction), names, seconds)
        relative = np.log(record.seconds / record.seconds[:, :1])
        for name, middle in zip(names, np.median(relative, axis=0), strict=True):
            times[name][i, j] = middle
        say(f"fit: {record.case}")
    for name in uses:
        print(f"\n{name} / none, D = {directions}, lbr {lbr}; H down, B = {batch} across", file=sys.stderr)
        for H, row in zip(hidden, np.exp(times[name]), strict=True):
            print(f"{H:4d}  " + "  ".join(f"{value:.2f}" for value in row), file=sys.stderr)
    return Grid(hidden, batch, times)


def _packing(kind: tuple[int, int], row: Row) -> Packing:
    return Packing(*kind, hidden=row.hidden, batch=row.batch, unknown=row.batch == 0, use=row.use)
