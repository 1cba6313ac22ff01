"""Whatever is in a file, a command ends with 0, 1 or 2 and a line; a bounded part of what ``nox -s fuzz`` runs."""

from __future__ import annotations

import pytest

from fuzzing.run import fuzz


@pytest.mark.slow
@pytest.mark.parametrize("start", [0, 1])
def test_no_input_is_too_odd(start: int) -> None:
    shares, failures = fuzz(100, start, print, running=False)
    assert not failures
    assert shares.inputs == 100
    assert shares.parsed >= 40
    assert shares.reached >= 20


@pytest.mark.fuzz
def test_no_input_of_many_is_too_odd() -> None:
    shares, failures = fuzz(2000, 2, print)
    assert not failures
    assert (2 * shares.parsed, 4 * shares.reached) >= (shares.inputs, shares.inputs)
