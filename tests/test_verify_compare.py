"""Tolerances: what passes, what fails, and what a person is told about it."""

from __future__ import annotations

import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.compare_site import compare_site
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.comparing.tolerance import Tolerance, tolerance_for
from gru_lower.verification.result import Accuracy, Verification, Worst

F32 = Tolerance(1e-4, 1e-5)
EXACT = Tolerance(0, 0)


def f32(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        (np.float32, 1e-4, 1e-5),
        (np.float16, 1e-2, 1e-2),
        (ml_dtypes.bfloat16, 5e-2, 5e-2),
        (np.float64, 1e-9, 1e-9),
        (np.int64, 0, 0),
        (np.bool_, 0, 0),
        (np.int8, 0, 0),
        (np.uint8, 0, 0),
        (np.dtype(object), 0, 0),
    ],
)
def test_default_tolerances(dtype: Any, rtol: float, atol: float) -> None:
    assert tolerance_for(np.dtype(dtype)) == Tolerance(rtol, atol)


def test_quantised_values_may_move_by_one_step() -> None:
    for dtype in (np.int8, np.uint8, np.int32):
        assert tolerance_for(np.dtype(dtype), quantised=True) == Tolerance(0, 1)
    assert tolerance_for(np.dtype(np.bool_), quantised=True) == EXACT


def test_given_tolerances_replace_those_of_floats_only() -> None:
    assert tolerance_for(np.dtype(np.float32), rtol=0.5) == Tolerance(0.5, 1e-5)
    assert tolerance_for(np.dtype(np.float16), atol=0.5) == Tolerance(1e-2, 0.5)
    assert tolerance_for(np.dtype(np.int64), atol=0.5, rtol=1.0) == EXACT


def test_a_float32_output_of_a_float16_model_is_held_to_float16() -> None:
    assert tolerance_for(np.dtype(np.float32), computed_in="float16") == Tolerance(1e-2, 1e-2)
    assert tolerance_for(np.dtype(np.int64), computed_in="float16") == EXACT


def test_within_and_beyond_tolerance() -> None:
    near = compare(f32(1, 100, 0), f32(1.00005, 100.009, 0.000009), F32)
    assert near.ok
    assert near.max_abs == pytest.approx(0.009, rel=1e-2)
    far = compare(f32(1, 100, 0), f32(1, 100, 0.0003), F32)
    assert not far.ok
    assert far.index == (2,)
    assert far.needed_atol == pytest.approx(3e-4)
    assert compare(f32(1, 100, 0), f32(1, 100, 0.0003), Tolerance(1e-4, far.needed_atol)).ok


def test_the_worst_element_is_the_one_that_exceeds_its_bound_most() -> None:
    found = compare(f32(1000, 0), f32(1000.05, 0.01), F32)
    assert found.index == (1,)
    assert found.expected == 0
    assert found.actual == pytest.approx(0.01)


def test_relative_errors_leave_out_what_is_next_to_zero() -> None:
    assert compare(f32(1e-7, 2), f32(5e-6, 2.0002), F32).max_rel == pytest.approx(1e-4, rel=1e-2)


def test_equal_arrays_have_no_worst_element() -> None:
    found = compare(f32(1, 2), f32(1, 2), F32)
    assert found.ok
    assert found.index is None
    assert found.max_abs == 0


def test_nan_equals_nan_and_infinity_the_same_infinity() -> None:
    values = f32(np.nan, np.inf, -np.inf, 1)
    assert compare(values, values.copy(), F32).ok
    assert compare(values, values.copy(), F32).max_abs == 0


@pytest.mark.parametrize("actual", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_in_one_only_is_a_difference_no_tolerance_forgives(actual: float) -> None:
    for a, b in ((1.0, actual), (actual, 1.0)):
        found = compare(f32(0, a), f32(0, b), Tolerance(1e9, 1e9))
        assert not found.ok
        assert found.index == (1,)
        assert math.isinf(found.needed_atol)
    assert not compare(f32(np.inf), f32(-np.inf), F32).ok
    assert not compare(f32(np.inf), f32(np.nan), F32).ok


def test_shapes_and_types_must_be_the_same() -> None:
    assert compare(f32(1, 2), f32(1), F32).reason == "shape [2] became [1]"
    assert compare(f32(1), f32(1).astype(np.float64), F32).reason == "type float32 became float64"
    assert not compare(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32), F32).ok


def test_empty_and_scalar_arrays() -> None:
    assert compare(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), F32).ok
    scalar = compare(np.array(1.0, np.float32), np.array(2.0, np.float32), F32)
    assert not scalar.ok
    assert scalar.index == ()
    assert scalar.reason == "1 became 2"


def test_integers_are_exact_even_where_float64_cannot_tell_them_apart() -> None:
    assert not compare(np.array([2**60]), np.array([2**60 + 1]), EXACT).ok
    assert compare(np.array([2**60]), np.array([2**60]), EXACT).ok
    assert not compare(np.array([True]), np.array([False]), EXACT).ok


def test_quantised_values_may_move_one_step_and_it_is_said() -> None:
    a, b = np.array([0, 255, 7], np.uint8), np.array([1, 254, 7], np.uint8)
    found = compare(a, b, tolerance_for(a.dtype, quantised=True))
    assert found.ok
    assert found.note == "2 of 3 quantised values moved by one step"
    assert not compare(a, np.array([2, 255, 7], np.uint8), tolerance_for(a.dtype, quantised=True)).ok
    assert not compare(a, a, tolerance_for(a.dtype, quantised=True)).note


def test_strings_are_exact() -> None:
    a = np.array(["a", "b"], object)
    assert compare(a, np.array(["a", "b"]), EXACT).ok
    found = compare(a, np.array(["a", "c"], object), EXACT)
    assert not found.ok
    assert found.index == (1,)
    assert "'b' became 'c'" in found.reason


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.complex64, ml_dtypes.float8_e4m3fn])
def test_every_float_type_compares(dtype: Any) -> None:
    a = np.array([1, 2, 0.5]).astype(dtype)
    limits = tolerance_for(a.dtype)
    assert compare(a, a.copy(), limits).ok
    found = compare(a, np.array([1, 2, -0.5]).astype(dtype), limits)
    assert not found.ok
    assert found.index == (2,)
    assert found.max_abs == pytest.approx(1.0)


class TestSiteRule:
    """|original - rewrite| <= atol + rtol max(|truth|, |h0|), or no worse than 4 times the original."""

    truth = np.array([0.5, -0.25])

    def test_close_to_the_original_passes(self) -> None:
        assert compare_site(f32(0.5, -0.25), f32(0.50001, -0.25), self.truth, F32).ok

    def test_the_size_of_the_initial_state_counts(self) -> None:
        far = f32(0.5005, -0.25)
        assert not compare_site(f32(0.5, -0.25), far, self.truth, F32).ok
        assert compare_site(f32(0.5, -0.25), far, self.truth, F32, state_scale=100).ok

    def test_no_worse_than_a_chaotic_original_passes_and_says_so(self) -> None:
        original, rewrite = f32(0.7, -0.25), f32(0.3, -0.25)
        found = compare_site(original, rewrite, self.truth, F32)
        assert found.ok
        assert found.note == "errors against float64: original 0.2, rewrite 0.2"

    def test_much_worse_than_the_original_fails(self) -> None:
        found = compare_site(f32(0.501, -0.25), f32(0.51, -0.25), self.truth, F32)
        assert not found.ok
        assert found.index == (0,)

    def test_right_where_the_original_is_wrong_passes(self) -> None:
        assert compare_site(f32(9, 9), f32(0.5, -0.25), self.truth, F32).ok

    def test_without_an_original_the_truth_decides(self) -> None:
        assert compare_site(None, f32(0.5, -0.25), self.truth, F32).ok
        assert not compare_site(None, f32(0.51, -0.25), self.truth, F32).ok

    def test_without_a_truth_the_original_decides(self) -> None:
        assert compare_site(f32(0.5), f32(0.5), None, F32).ok
        assert not compare_site(f32(0.5), f32(0.51), None, F32).ok

    def test_nan_only_in_the_rewrite_fails_however_bad_the_original(self) -> None:
        assert not compare_site(f32(100, 0), f32(np.nan, 0), self.truth, F32).ok

    def test_shapes_and_types_still_count(self) -> None:
        assert not compare_site(f32(0.5, -0.25), f32(0.5), self.truth, F32).ok
        assert not compare_site(f32(0.5, -0.25), self.truth, self.truth, F32).ok


def test_the_tally_names_the_worst_and_the_atol_that_would_pass() -> None:
    tally = Tally()
    tally.add(0, "Y", compare(f32(1, 2), f32(1, 2), F32))
    tally.add(1, "Y", compare(f32(1, 2), f32(1.0005, 2), F32))
    tally.add(1, "Y_h", compare(f32(0), f32(0.01), F32))
    found = tally.verification("model")
    assert found.status == "different"
    assert found.cases == 2
    assert found.max_abs_error == pytest.approx(0.01)
    assert found.worst is not None
    assert (found.worst.output, found.worst.index) == ("Y_h", (0,))
    assert (
        found.message
        == "output 'Y_h' differs at [0]: 0 became 0.01 (case 2), and 1 other output; would pass at atol 0.01"
    )


def test_the_suggested_atol_is_rounded_up() -> None:
    tally = Tally()
    tally.add(0, "Y", compare(f32(0), f32(0.000123), F32))
    assert tally.verification("model").message.endswith("would pass at atol 0.00013")


def test_json_is_strict_whatever_the_numbers() -> None:
    found = Verification(
        "different",
        "model",
        cases=1,
        max_abs_error=math.inf,
        max_rel_error=float(np.float32(0.5)),
        worst=Worst("Y", (1, 2), math.nan, math.inf),
        accuracy=[Accuracy("y", 0.5, math.nan, 2)],
    )
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written == {
        "status": "different",
        "scope": "model",
        "proved": False,
        "cases": 1,
        "max_abs_error": None,
        "max_rel_error": 0.5,
        "worst": {"output": "Y", "index": [1, 2]},
        "message": "",
        "chaotic": False,
        "least_atol": None,
        "least_rtol": None,
        "starts_at": [],
        "starts_in": "",
        "findings": [],
        "drawn": None,
        "accuracy": [{"output": "y", "before": 0.5, "after": None, "count": 2}],
    }
