"""Fuzz all commands: ``python -m fuzzing [COUNT [SEED]]``, from tests/; 20,000 inputs in as many processes as cores."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

from fuzzing.run import BATCH, batch


def main(count: int = 20_000, start: int = 0) -> int:
    """Print what went wrong, and the shares; fail on any failure, or where too few inputs get far."""
    began = time.monotonic()
    inputs = parsed = reached = caught = bad = 0
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), maxtasksperchild=8) as pool:
        seeds = range(start * 10**6, start * 10**6 + -(-count // BATCH))
        for done in pool.imap_unordered(batch, seeds):
            inputs, parsed, reached = inputs + done[0], parsed + done[1], reached + done[2]
            caught, bad = caught + done[3], bad + len(done[4])
            print(f"{inputs} inputs, {bad} failures", flush=True)
    print(
        f"{inputs} inputs in {time.monotonic() - began:.0f} s: {parsed / inputs:.0%} parse, "
        f"{reached / inputs:.0%} reach a pass, {caught} refused as odd, {bad} failures"
    )
    return int(bool(bad) or parsed * 2 < inputs or reached * 4 < inputs)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
