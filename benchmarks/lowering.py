"""``python -m benchmarks lowering``: the lowered forms against the native kernel and other ways to write a GRU."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks import lowering_page, lowering_plots, series, speed_limits
from benchmarks.measure import measure, say
from benchmarks.whole_models import measure_real
from gru_lower.report.environment import environment

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Record

REAL_SECONDS = {True: 1.0, False: 3.0}


def run(folder: Path, *, quick: bool, tolerance: float) -> int:
    """Measure everything, write the results, print the verdicts.

    Args:
        folder: Where to write lowering.md, lowering.json and the plots.
        quick: Measure a subset.
        tolerance: How far beyond its limit a value may be, as a share of the limit.

    Returns:
        The exit code: 1 if a line of the speed to reach was missed, 2 if the plots could not be drawn.

    """
    if find_spec("matplotlib") is None:
        print('the plots need matplotlib: pip install ".[bench]"', file=sys.stderr)
        return 2
    started = time.monotonic()
    measured = series.quick() if quick else series.full()
    records: list[Record] = []
    for each in measured:
        for done, case in enumerate(each.cases, 1):
            records.append(measure(each.name, case, each.contenders(case), each.seconds))
            say(f"{each.name}: {done} of {len(each.cases)}, {time.monotonic() - started:.0f} s")
    real = measure_real(REAL_SECONDS[quick])
    verdicts = speed_limits.judge(records)
    folder.mkdir(parents=True, exist_ok=True)
    where = {**environment(), **_load()}
    drawn = lowering_plots.draw(records, folder)
    page = lowering_page.page(where, measured, records, real, verdicts, tolerance, drawn)
    (folder / "lowering.md").write_text(page, encoding="utf-8")
    results = {
        "environment": where,
        "quick": quick,
        "tolerance": tolerance,
        "speed_to_reach": [each.to_dict(tolerance) for each in verdicts],
        "real": [each.to_dict() for each in real],
    }
    lines = ",\n".join(json.dumps(each.to_dict()) for each in records)
    text = f'{json.dumps(results, indent=1)[:-2]},\n "records": [\n{lines}\n ]\n}}\n'
    (folder / "lowering.json").write_text(text, encoding="utf-8")
    print(lowering_page.real_models(real) if real else "no folder of shared models: whole models were not measured")
    print()
    for verdict in verdicts:
        print(verdict.line(tolerance))
    print(f"\nwrote {folder}/lowering.md, lowering.json and plots in {time.monotonic() - started:.0f} s")
    return int(any(verdict.word(tolerance) == "missed" for verdict in verdicts))


def _load() -> dict[str, str]:
    """Return how busy the machine was, where it tells."""
    return {"load": f"{os.getloadavg()[2]:.1f}"} if hasattr(os, "getloadavg") else {}
