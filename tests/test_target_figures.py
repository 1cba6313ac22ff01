"""What the benchmark of targets reads from times: a reader of its page would take a wrong ratio for what he gets."""

from __future__ import annotations

import pytest

from benchmarks.target_cells import BEFORE, NOW, Cell
from benchmarks.target_figures import figures, judged
from gru_lower.targets.costs import Size


def cell(hidden: int, now: float, before: float) -> Cell:
    size = Size(hidden, hidden, 1, 20, state=False, linear_before_reset=0)
    seconds = {"gru": 4.0, "unroll": 1.0, "loop": 2.0, NOW: now, BEFORE: before}
    same = {1.0: "u", 2.0: "l", 4.0: "g"}
    return Cell(size, "default", "", "", seconds, {}, {name: same[taken] for name, taken in seconds.items()}, {})


def test_ratios_are_to_the_best_and_to_what_was_written_before() -> None:
    (figure,) = figures([cell(16, 2.0, 4.0)])
    assert (figure.became, figure.best) == ("loop", "unroll")
    assert (figure.of_best, figure.of_before, figure.of_node) == (2.0, 0.5, 0.5)


def test_what_is_slower_than_it_has_to_be_misses_its_limit() -> None:
    good = judged("mnn", figures([cell(h, 1.0, 4.0) for h in (16, 64, 256)]))
    bad = judged("mnn", figures([cell(h, 4.0, 4.0) for h in (16, 64, 256)]))
    assert not any(verdict.missed(0.0) for verdict in good)
    assert all(verdict.missed(0.0) for verdict in bad)
    assert good[-1].value == pytest.approx(0.25)
