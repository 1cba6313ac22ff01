"""Count what verification misses: ``python -m mutating [COUNT [SEED]]``, from tests/."""

from __future__ import annotations

import sys
import time
from collections import Counter

from mutating.run import of_mutants, of_pairs


def main(count: int = 500, seed: int = 0) -> int:
    """Print what is missed, false alarms, and the numbers; fail if there are any of the first two."""
    started, bad = time.monotonic(), 0
    tally: Counter[str] = Counter()
    for outcome in of_mutants(count, seed):
        tally[f"{'changed' if outcome.change > 1 else 'same'} {outcome.found.status}"] += 1
        if outcome.missed:
            bad += 1
            print(f"missed: {outcome}", flush=True)
    for outcome in of_pairs(max(1, count // 10), 3, seed):
        tally[f"equal {outcome.found.status}"] += 1
        if outcome.found.status == "different":
            bad += 1
            print(f"false alarm: {outcome}", flush=True)
    print(dict(tally), f"{time.monotonic() - started:.0f} s")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
