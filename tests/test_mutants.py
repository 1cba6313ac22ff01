"""Verification reports what changes a result, and nothing else: a small share of ``nox -s mutants``."""

from __future__ import annotations

import pytest

from mutating.run import of_mutants, of_pairs

SECONDS = 10.0
"""Of search: more than it takes, so that a busy machine looks at as many inputs as an idle one."""


@pytest.mark.slow
def test_mutants_are_reported() -> None:
    outcomes = list(of_mutants(16, 21, per_base=4, seconds=SECONDS))
    assert len(outcomes) == 16
    assert sum(outcome.change > 1 for outcome in outcomes) > 8
    assert not [str(outcome) for outcome in outcomes if outcome.missed]


@pytest.mark.slow
def test_equal_pairs_raise_no_alarm() -> None:
    outcomes = list(of_pairs(6, 2, 22, seconds=SECONDS))
    assert not [str(outcome) for outcome in outcomes if outcome.found.status == "different"]


@pytest.mark.mutants
@pytest.mark.parametrize("seed", range(5))
def test_all_of_a_hundred_mutants_are_reported(seed: int) -> None:
    assert not [str(outcome) for outcome in of_mutants(100, 100 + seed, seconds=SECONDS) if outcome.missed]


@pytest.mark.mutants
def test_fifty_equal_pairs_raise_no_alarm_with_any_seed() -> None:
    outcomes = of_pairs(50, 3, 7, seconds=SECONDS)
    assert not [str(outcome) for outcome in outcomes if outcome.found.status == "different"]
