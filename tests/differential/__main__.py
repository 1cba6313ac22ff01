"""Count what verification says of pairs: ``python -m differential [SEEDS [EQUAL [FIRST]]]``, from tests/."""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from differential.run import Outcome, of_differing, of_equal

CAUGHT, ADMITTED, UNSURE = 0.80, 0.95, 0.05


def main(seeds: int = 3, equal: int = 60, first: int = 0) -> int:
    """Print what is missed and false alarms; fail if shares are not held to."""
    begun, differing = time.monotonic(), []
    for outcome in of_differing(seeds, first):
        differing.append(outcome)
        if not outcome.admitted:
            print(f"missed: {outcome.name}: {outcome.status}: {outcome.message[:160]}", flush=True)
    alarms, unsure = [], []
    for outcome in of_equal(equal, first):
        if outcome.caught:
            alarms.append(outcome)
            print(f"false alarm: {outcome.name}: {outcome.codes} {outcome.message[:200]}", flush=True)
        elif outcome.status != "equivalent":
            unsure.append(outcome)
            print(f"unsure: {outcome.name}: {outcome.message[:160]}", flush=True)
    caught, admitted = share(differing, "caught"), share(differing, "admitted")
    print(Counter(outcome.status for outcome in differing), f"caught {caught:.1%}, admitted {admitted:.1%}")
    print(f"{len(alarms)} false alarms, {len(unsure)} unsure of {equal}, {time.monotonic() - begun:.0f} s")
    return int(bool(alarms) or len(unsure) > UNSURE * equal or caught < CAUGHT or admitted < ADMITTED)


def share(outcomes: list[Outcome], what: str) -> float:
    """Return the share of outcomes of which something holds."""
    return float(np.mean([getattr(each, what) for each in outcomes] or [1.0]))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
