"""Masks that are sequence_lens, masks that might be, and those that are not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import gru_lower
from lowering import op_types, run
from masked_loops import PLACED, STEPWISE, Case, expected, feeds, model

if TYPE_CHECKING:
    from gru_lower.rewriting.result import Result

LENGTHS = ([1, 5, 3], [0, 5, 2, 0], [5], [0], [9, -1, 4])


def fused(case: Case, **options: Any) -> Result[onnx.ModelProto]:
    return gru_lower.fuse(model(case), **options)


def hold(case: Case, made: onnx.ModelProto, steps: int = 5) -> None:
    onnx.checker.check_model(made)
    assert not op_types(made) & {"Loop", "Scan", "Sigmoid", "Tanh"}
    for lengths in LENGTHS:
        lens = [min(n, steps) for n in lengths] if case.mask == "given" else lengths
        fed = feeds(case, lens, steps)
        actual, wanted = run(made, fed), expected(case, fed, lens)
        assert actual.keys() == wanted.keys()
        for name, value in wanted.items():
            assert np.abs(actual[name] - value).max() < 1e-5, (case, lens, name)


@pytest.mark.slow
@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
@pytest.mark.parametrize("mask", [*STEPWISE, *PLACED])
def test_however_a_mask_is_spelled_it_becomes_sequence_lens(carrier: str, mask: str) -> None:
    for reverse, steps in ((False, None if carrier != "unrolled" else 5), (True, 5)):
        case = Case(carrier, mask, reverse, steps=steps)
        result = fused(case, verify=False)
        assert [site.action for site in result.report.sites] == ["fused"], (case, result.report.sites)
        hold(case, result.model)


@pytest.mark.slow
@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
@pytest.mark.parametrize(("reverse", "lbr", "initial"), list(product((False, True), (0, 1), (False, True))))
def test_outputs_are_the_operators_own(carrier: str, *, reverse: bool, lbr: int, initial: bool) -> None:
    for y in ("masked", "both ways", "none"):
        case = Case(carrier, "less", reverse, lbr, initial, y)
        result = fused(case, verify=False)
        assert [site.action for site in result.report.sites] == ["fused"], (case, result.report.sites)
        hold(case, result.model)


def test_what_is_fused_is_verified_with_lengths() -> None:
    result = fused(Case("scan", initial=True, steps=None))
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
def test_a_repeated_output_is_not_what_sequence_lens_gives(carrier: str) -> None:
    case = Case(carrier, y="kept")
    result = fused(case, verify=False)
    assert [(site.action, site.code) for site in result.report.sites] == [("kept", "GL802")]
    assert result.model == model(case)


@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
def test_a_mask_known_at_run_time_is_kept_and_explained(carrier: str) -> None:
    result = fused(Case(carrier, "given"))
    (site,) = result.report.sites
    assert (site.action, site.code) == ("kept", "GL806")
    assert "mask" in site.message
    assert 'assume="right-padded"' in site.message


@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
@pytest.mark.parametrize("reverse", [False, True])
def test_right_padded_masks_become_sequence_lens_where_that_is_promised(carrier: str, *, reverse: bool) -> None:
    ways = ("masked", "none") if carrier == "unrolled" else ("masked", "kept", "none")
    for initial, y in product((False, True), ways):
        case = Case(carrier, "given", reverse, initial=initial, y=y)
        result = fused(case, assume="right-padded", verify=False)
        assert [site.action for site in result.report.sites] == ["fused"], (case, result.report.sites)
        hold(case, result.model)


def test_a_promise_is_verified_as_it_was_given_and_the_error_without_it_is_told() -> None:
    result = fused(Case("loop", "given", y="kept"), assume="right-padded")
    assert result.report.verification.status == "equivalent"
    (note,) = [d for d in result.report.diagnostics if d.code == "GL807"]
    assert "padded at their beginning" in note.message
    assert "differ by up to 0." in note.message or "differ by up to 1" in note.message


def test_lengths_that_differ_from_step_to_step_are_no_sequence_lens() -> None:
    spelled = model(Case("unrolled"))
    compared = [node for node in spelled.graph.node if node.op_type == "Less"]
    other = next(tensor.name for tensor in spelled.graph.initializer if tensor.name == compared[0].input[0])
    compared[2].input[0] = other  # t = 0 again
    result = gru_lower.fuse(spelled, verify=False)
    assert [(site.action, site.code) for site in result.report.sites] == [("kept", "GL802")]
