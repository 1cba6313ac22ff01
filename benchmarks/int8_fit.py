"""``python -m benchmarks int8 --fit``: from which H on int8 is faster, written to passes/quantize_gru/costs.json.

For one step and for several, and for each batch, the least H from which on int8 takes less time than onnxruntime's
float GRU node, with either linear_before_reset; batches that agree share a row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import gru_case
from benchmarks.int8_rivals import quantised
from benchmarks.measure import say, session, timed
from benchmarks.spell_costs import spelled
from gru_lower.passes.quantize_gru.costs import Faster, costs

FILE = Path(__file__).resolve().parents[1] / "passes" / "quantize_gru" / "costs.json"
HIDDEN, BATCH = (64, 96, 128, 160, 192, 256, 320, 384), (1, 4, 16, 64)
QUICK_HIDDEN, QUICK_BATCH = (128, 256, 384), (1, 16)
STEPS = {"one": (1,), "several": (8, 50)}
NEVER = 1 << 30
MARGIN = 0.97
"""What int8 may take at most to count as faster."""


@dataclass(frozen=True)
class Found:
    """From which H on int8 is faster, for one batch."""

    batch: int
    hidden: int


def run(*, quick: bool, dry_run: bool) -> int:
    """Measure, and write the file or print it."""
    hidden, batches = (QUICK_HIDDEN, QUICK_BATCH) if quick else (HIDDEN, BATCH)
    rows: list[Faster] = []
    for steps, lengths in STEPS.items():
        found = [Found(batch, _least(hidden, batch, lengths, 0.3 if quick else 0.6)) for batch in batches]
        rows += [Faster(steps, row.batch, row.hidden) for row in _merged(found)]
    text = spelled(replace(costs(), faster=tuple(rows)), "faster")
    if dry_run:
        print(text)
    else:
        FILE.write_text(text, encoding="utf-8")
        print(f"wrote {FILE}")
    return 0


def _least(hidden: tuple[int, ...], batch: int, lengths: tuple[int, ...], seconds: float) -> int:
    """Return the least H from which on int8 is faster."""
    least = NEVER
    for H in reversed(hidden):
        worst = max(_ratio(H, batch, T, lbr, seconds) for T in lengths for lbr in (0, 1))
        print(f"B = {batch}, T = {lengths}, H = {H}: {worst:.2f}", file=sys.stderr)
        if worst > MARGIN:
            break
        least = H
    return least


def _ratio(H: int, batch: int, T: int, lbr: int, seconds: float) -> float:
    case = gru_case.Case(H, batch, T, lbr, state=True)
    say(f"fit: {case}")
    fed = gru_case.feeds(case)
    models = gru_case.native(case), quantised(case)
    found = timed([partial(session(model).run, None, fed) for model in models], seconds)
    return float(np.median(found[:, 1] / found[:, 0]))


def _merged(found: list[Found]) -> list[Found]:
    """Return a row for each run of batches that agree: the largest of them stands for all."""
    return [
        row for row, after in zip(found, [*found[1:], None], strict=True) if after is None or after.hidden != row.hidden
    ]
