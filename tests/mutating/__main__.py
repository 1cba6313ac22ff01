"""Count what verification misses: ``python -m mutating [COUNT [SEED]]``, from tests/."""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from gru_lower.verification.result import VerifyOptions
from gru_lower.verification.runtime import Worker
from gru_lower.verification.whole import verify_models
from mutating.bases import bases
from mutating.change import KINDS, mutated
from mutating.judge import Judge


def main(count: int = 500, seed: int = 0) -> int:
    rng = np.random.default_rng(seed)
    tally: Counter[str] = Counter()
    started, spent = time.monotonic(), 0.0
    with Worker(timeout=10) as worker, Worker(timeout=10) as other:
        for number, base in enumerate(bases(rng)):
            judge = Judge(base, other, seed + number)
            if len(judge.cases) < judge.count / 2:
                tally["base too rough"] += 1
                continue
            found = 0
            for attempt in range(60):
                if found == 8 or tally["valid"] >= count:
                    break
                mutant = mutated(base.lowered, rng, KINDS[attempt % 4])
                change = None if mutant is None else judge.change(mutant.model)
                if change is None:
                    continue
                found += 1
                tally["valid"] += 1
                t = time.monotonic()
                verdict = verify_models(base.original, mutant.model, options=VerifyOptions(seed=number, seconds=2.0, zero_length_state='zero'), worker=worker)
                spent += time.monotonic() - t
                kind = "changed" if change > 1 else "same"
                tally[f"{kind} {verdict.status}"] += 1
                if (kind == "changed") != (verdict.status == "different"):
                    print(f"{kind} by {change:.3g}: {verdict.status} {mutant.kind}: {mutant.what} | {verdict.message}\n     {base.name}", flush=True)
            if tally["valid"] >= count:
                break
    print(dict(tally), f"{time.monotonic() - started:.0f} s, verify {spent:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
