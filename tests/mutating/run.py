"""What verification says of mutants and of pairs that are equal, beside what is the case."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.client import Worker
from mutating.bases import bases
from mutating.change import KINDS, mutated
from mutating.judge import Judge
from mutating.pairs import pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.result import Verification

PER_BASE = 8
_ATTEMPTS = 60


@dataclass(frozen=True)
class Outcome:
    """One verdict.

    Attributes:
        name: What was compared.
        change: The largest error that was found without verification, in tolerances.
        found: What verification says.

    """

    name: str
    change: float
    found: Verification

    @property
    def missed(self) -> bool:
        """Whether a result changes by more than the tolerance, and verification does not say so."""
        return self.change > 1 and self.found.status != "different"

    def __str__(self) -> str:
        return f"{self.found.status}, {self.change:.3g} tolerances: {self.name}: {self.found.message}"


def options(seed: int, seconds: float) -> VerifyOptions:
    """Return what :func:`gru_lower.verify` verifies with by default."""
    return VerifyOptions(seed=seed, seconds=seconds, zero_length_state="zero")


def of_mutants(count: int, seed: int, *, per_base: int = PER_BASE, seconds: float = 2.0) -> Iterator[Outcome]:
    """Yield what becomes of mutants that run: so many of each base, the kinds of change in turn."""
    rng = np.random.default_rng(seed)
    with Worker(timeout=10) as worker, Worker(timeout=10) as other:
        for number, base in enumerate(bases(rng)):
            judge = Judge(base, other, seed + number)
            if len(judge.cases) < judge.count / 2:
                continue  # the model itself is too rough to tell a change by
            found = 0
            for attempt in range(_ATTEMPTS):
                if found == per_base or not count:
                    break
                mutant = mutated(base.lowered, rng, KINDS[attempt % len(KINDS)])
                change = None if mutant is None else judge.change(mutant.model)
                if mutant is None or change is None:
                    continue
                found, count = found + 1, count - 1
                verdict = verify_models(base.original, mutant.model, options=options(number, seconds), worker=worker)
                yield Outcome(f"{mutant.kind}: {mutant.what} in {base.name}", change, verdict)
            if not count:
                return


def of_pairs(count: int, seeds: int, seed: int, *, seconds: float = 2.0) -> Iterator[Outcome]:
    """Yield what is said of pairs that are equal, each with several seeds."""
    with Worker(timeout=10) as worker:
        for pair in islice(pairs(np.random.default_rng(seed)), count):
            for each in range(seeds):
                found = verify_models(pair.a, pair.b, options=options(each, seconds), worker=worker)
                yield Outcome(f"{pair.name}, seed {each}", 0.0, found)


__all__ = ["Outcome", "of_mutants", "of_pairs"]
