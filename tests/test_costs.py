"""Costs: fitted to times, written into a profile, read back, and refused where they are none."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from gru_lower.probing.timing.fit_costs import Measured, fit_costs
from gru_lower.probing.timing.timed_sizes import Grid
from gru_lower.targets import read_profile
from gru_lower.targets.costs import NODE, Size, Way
from gru_lower.targets.write_profile import to_toml

NODE_WAY, UNROLL, IDLE = Way(NODE), Way("unroll"), Way("unroll", (("gates", "joined"),))
SIZES = Grid((16, 64, 256, 512), (1, 4), (20, 100)).sizes()


def node_seconds(size: Size) -> float:
    return 1e-5 + size.length * (2e-6 + 3e-11 * size.hidden**2 * size.batch)


def unrolled_seconds(size: Size) -> float:
    return size.length * (1e-6 + 6e-11 * size.hidden**2 * size.batch)


def measured() -> list[Measured]:
    found = []
    for size in SIZES:
        taken = {NODE_WAY: node_seconds(size), UNROLL: unrolled_seconds(size), IDLE: 1.3 * unrolled_seconds(size)}
        found += [Measured(size, way, seconds) for way, seconds in taken.items()]
    return found


def test_what_is_fitted_chooses_right_where_nothing_was_measured() -> None:
    costs = fit_costs(measured(), "1")
    for hidden, batch, length in product((24, 96, 192, 384), (1, 4), (7, 50)):
        size = Size(hidden, hidden, batch, length, state=False, linear_before_reset=1)
        node, unrolled = (costs.estimate(way, size, "") for way in (NODE_WAY, UNROLL))
        assert node is not None
        assert unrolled is not None
        assert unrolled / node == pytest.approx(unrolled_seconds(size) / node_seconds(size), rel=0.05)


def test_a_way_that_is_nowhere_the_fastest_is_left_out() -> None:
    assert fit_costs(measured(), "1").ways == [NODE_WAY, UNROLL]


def test_a_node_that_is_slow_with_Y_alone_has_costs_of_its_own() -> None:
    """As tract's is: what is right for both outputs would cost the users of Y alone half of their speed."""
    sizes = Grid((16, 64, 256), (1, 4), (1,)).sizes()
    found = [
        Measured(size, way, factor * 1e-6 * size.hidden)
        for size in sizes
        for way, factor in ((NODE_WAY, 3.0 if size.only_Y else 1.0), (Way("step"), 1.5))
    ]
    costs = fit_costs(found, "1")
    for size in sizes:
        node, step = (costs.estimate(way, size, "") or 0 for way in (NODE_WAY, Way("step")))
        assert (node > step) == size.only_Y
    profile = replace(read_profile.load("onnxruntime"), costs=costs)
    assert read_profile.parse(to_toml(profile)).costs == costs


def test_a_profile_keeps_them() -> None:
    costs = fit_costs(measured(), "3.1", "a chip")
    profile = replace(read_profile.load("onnxruntime"), costs=costs)
    assert read_profile.parse(to_toml(profile)).costs == costs


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('form = "gru"', 'form = "rnn"', "costs.ways.form"),
        ("lbr = 0", "lbr = 2", "lbr has to be 0 or 1"),
        ('steps = "several"', 'steps = "many"', "steps"),
        ("terms = [", "terms = [1, ", "numbers"),
        ("terms = [", "terms = [-", "numbers"),
        ('version = "1"\n\n[[', "\n[[", "version"),
    ],
)
def test_what_is_none_is_refused(old: str, new: str, said: str) -> None:
    text = to_toml(replace(read_profile.load("onnxruntime"), costs=fit_costs(measured(), "1")))
    start = text.index("[costs]")
    changed = text[:start] + text[start:].replace(old, new, 1)
    assert changed != text
    with pytest.raises(ValueError, match=said):
        read_profile.parse(changed)


@pytest.mark.parametrize("name", ["mnn", "opencv5", "openvino", "tract"])
def test_profiles_know_what_they_choose_among(name: str) -> None:
    """Every kind of sequence has a cost for the node or for a form, so that there is a choice."""
    costs = read_profile.load(name).costs
    assert costs is not None
    for steps, length in (("first", 1), ("one", 1), ("several", 20)):
        for lbr in (0, 1):
            size = Size(64, 64, 1, length, state=steps == "one", linear_before_reset=lbr)
            for precision in costs.precisions:
                assert any(costs.estimate(way, size, precision) for way in costs.ways)
