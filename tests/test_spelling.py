"""The random spellings themselves: each is a legal model and computes what it says."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import spelling
from lowering import run
from spelling.judge import Verdict, judge, largest_difference, several_feeds

if TYPE_CHECKING:
    from spelling import Spelled

TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-6, np.dtype(np.float16): 3e-2}


def hold(spelled: Spelled) -> None:
    """Check a model, and hold what onnxruntime makes of it to the float64 reference."""
    onnx.checker.check_model(spelled.model)
    for feeds in several_feeds(spelled):
        actual, expected = run(spelled.model, feeds), spelled.expected(feeds)
        assert actual.keys() == expected.keys()
        for name, value in actual.items():
            assert value.shape == expected[name].shape
            assert value.dtype == spelled.dtype
            scale = max(1.0, np.abs(expected[name]).max())
            assert np.abs(value - expected[name]).max() <= TOLERANCE[spelled.dtype] * scale, spelled


@pytest.mark.parametrize("container", spelling.CONTAINERS)
@pytest.mark.parametrize("block", range(5))
def test_spelled_grus_compute_the_reference(container: str, block: int) -> None:
    for seed in range(25 * block, 25 * (block + 1)):
        hold(spelling.spell(seed, container))


@pytest.mark.parametrize("which", spelling.DISGUISES)
def test_disguised_grus_compute_the_reference(which: str) -> None:
    for seed in range(9):
        hold(spelling.disguise(seed, which=which))


@pytest.mark.parametrize("which", ["Mgu", "MinGru", "Peephole", "FrozenState"])
def test_what_may_be_kept_is_a_gru_as_well(which: str) -> None:
    for seed in range(9):
        hold(spelling.keep(seed, which=which))


@pytest.mark.parametrize("which", ["GateOut", "ShortTrip", "MixedOrder"])
def test_what_may_be_kept_runs(which: str) -> None:
    container = "unrolled" if which == "MixedOrder" else "loop"
    for seed in range(9):
        spelled = spelling.keep(seed, container, which=which)
        onnx.checker.check_model(spelled.model)
        run(spelled.model, spelled.feeds())


@pytest.mark.parametrize("which", spelling.MUTANTS)
def test_near_misses_are_no_gru_however_their_weights_are_read(which: str) -> None:
    for seed in range(4):
        fitting = spelling.MUTANTS[which].containers
        spelled = spelling.mutate(seed, fitting[seed % len(fitting)], which=which)
        onnx.checker.check_model(spelled.model)
        assert distance(spelled) > 1e-3, spelled


def distance(spelled: Spelled) -> float:
    """Return how far a model is, on the inputs that tell most, from the nearest reading of its numbers."""
    farthest = 0.0
    for seed, scale in ((0, 1.0), (1, 5.0), (2, 5.0)):
        feeds = spelled.feeds(seed, scale)
        actual = run(spelled.model, feeds)
        nearest = min(
            max(float(np.abs(actual[name] - value).max()) for name, value in reading.items())
            for reading in spelled.readings(feeds)
        )
        farthest = max(farthest, nearest)
        if farthest > 1e-3:
            break
    return farthest


def test_a_seed_always_gives_the_same_model() -> None:
    for seed in (3, 4, 5):
        assert spelling.spell(seed).model == spelling.spell(seed).model
        assert spelling.mutate(seed).model == spelling.mutate(seed).model


def test_knobs_can_be_fixed_and_what_cannot_be_is_said() -> None:
    spelled = spelling.spell(2, "loop", trip="while", opset=17, update="lerp")
    assert {spelled.choices["layer0/trip"], spelled.choices["layer0/cell0/update"]} == {"while", "lerp"}
    hold(spelled)
    with pytest.raises(ValueError, match="opset cannot be 5 here"):
        spelling.spell(2, opset=5)
    with pytest.raises(ValueError, match="EarlyExit has no form in scan"):
        spelling.mutate(2, "scan", which="EarlyExit")


def test_the_spellings_are_many() -> None:
    seen = Counter(
        (knob.rsplit("/", 1)[-1], str(value))
        for seed in range(300)
        for knob, value in spelling.spell(seed).choices.items()
    )
    for knob in ("update", "trip", "read x0", "collect y0", "pack", "weights", "f as", "cut x zrn", "opset", "h0"):
        values = [value for name, value in seen if name == knob]
        assert len(values) >= 4, (knob, values)


def test_the_judge_tells_outcomes_apart() -> None:
    spelled = spelling.spell(5, "loop", structure="single", wrapper="none", dtype="float32")

    def claims(model: onnx.ModelProto, action: str) -> SimpleNamespace:
        site = SimpleNamespace(action=action, code="GL000", message="why")
        return SimpleNamespace(model=model, report=SimpleNamespace(sites=[site]))

    assert judge(spelled, lambda model: claims(model, "seen")) == Verdict("left", "GL000 why")
    assert judge(spelled, lambda model: claims(model, "fused")).outcome == "partly"
    other = spelling.spell(5, "loop", structure="single", wrapper="none", dtype="float32").model
    for node in other.graph.node:
        if node.op_type == "Loop":
            for inner in node.attribute[0].g.node:
                inner.op_type = {"Tanh": "Sigmoid", "Sigmoid": "Tanh"}.get(inner.op_type, inner.op_type)
    assert largest_difference(spelled, other) > 1e-3
    assert judge(spelled, lambda _: claims(other, "fused")).outcome == "wrong"
