"""Verification tells pairs that differ from pairs that are equal: a small share of ``nox -s differential``."""

from __future__ import annotations

import pytest

from differential.__main__ import ADMITTED, CAUGHT, UNSURE, share
from differential.run import of_differing, of_equal
from differential.ways import WAYS


def test_there_are_forty_ways() -> None:
    assert len(WAYS) >= 40


@pytest.mark.slow
def test_pairs_that_differ_are_told() -> None:
    outcomes = list(of_differing(1, 7))
    assert share(outcomes, "caught") >= CAUGHT, [each.name for each in outcomes if not each.caught]
    assert share(outcomes, "admitted") >= ADMITTED, [each.name for each in outcomes if not each.admitted]


@pytest.mark.slow
def test_equal_pairs_raise_no_alarm() -> None:
    outcomes = list(of_equal(12, 7))
    assert not [str(each) for each in outcomes if each.caught]
    assert sum(each.status != "equivalent" for each in outcomes) <= max(1, UNSURE * len(outcomes))


def test_infinity_that_reaches_a_gru_is_no_difference_of_its_lowering() -> None:
    # Packed weights hold zeros, and 0 · ∞ is NaN, where the operator's own sums are finite.
    (outcome,) = of_equal(1, 1320)
    assert outcome.status == "equivalent", outcome


@pytest.mark.differential
@pytest.mark.parametrize("seed", range(5))
def test_pairs_of_every_way_are_told(seed: int) -> None:
    outcomes = list(of_differing(4, 100 + 4 * seed))
    assert share(outcomes, "caught") >= CAUGHT, [each.name for each in outcomes if not each.caught]
    assert share(outcomes, "admitted") >= ADMITTED, [each.name for each in outcomes if not each.admitted]


@pytest.mark.differential
@pytest.mark.parametrize("part", range(5))
def test_five_hundred_equal_pairs_raise_no_alarm(part: int) -> None:
    outcomes = list(of_equal(100, 1000 + 100 * part))
    assert not [str(each) for each in outcomes if each.caught]
    assert sum(each.status != "equivalent" for each in outcomes) <= UNSURE * len(outcomes)
