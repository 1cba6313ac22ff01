"""legalize: every rewrite computes the same on the whole grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gru_lower.verification.evaluator import Reference
from lowering import TOLERANCE, bounded, lower, op_types
from strategies import AnyOf, GruCase, gru_cases, random_case

if TYPE_CHECKING:
    from typing import Any

PASSES = (
    *("legalize-cast{to=float64}", "legalize-layout", "legalize-bidirectional", "legalize-reverse"),
    *("legalize-sequence-lens", "legalize-reset{to=1}", "legalize-reset{to=0}", "legalize-bias"),
    *("legalize-initial-state", "legalize-initial-state{zeros=drop}", "legalize-last-state", "legalize-outputs"),
    *("legalize-hidden-size", "legalize-activations", "legalize-activations{attribute=drop}"),
    *("legalize-activation-parameters", "legalize-activation-parameters{values=drop}"),
)
CHAIN = "legalize-layout,legalize-bidirectional,legalize-reverse,legalize-sequence-lens,legalize-bias,legalize-outputs"


def hold_exactly(case: GruCase, model: onnx.ModelProto) -> None:
    """Hold a model to the reference; its GRUs are computed in float64, so that only rewrites can be wrong."""
    onnx.checker.check_model(model, full_check=True)
    actual = Reference(model.SerializeToString(), None).run(case.feeds(), None)
    expected = case.expected()
    assert actual.keys() == expected.keys()
    for name, value in actual.items():
        assert value.dtype == case.dtype
        assert value.shape == expected[name].shape
        if value.size:
            scale = 1.0 if bounded(case) else max(1.0, float(np.abs(expected[name]).max()))
            error = np.abs(value.astype(np.float64) - expected[name]).max()
            assert error <= TOLERANCE[case.dtype] * scale, f"{name} is off by {error:.3g}"


@settings(max_examples=5 * settings().max_examples)
@given(case=gru_cases(dtype=AnyOf((np.float32, np.float64, np.float16))), passes=st.sampled_from([*PASSES, CHAIN]))
def test_every_rewrite_equals_the_reference(case: GruCase, passes: str) -> None:
    assume(not (case.jumps and case.dtype != np.float64))
    model, _ = lower(case.model(), passes)
    hold_exactly(case, model)
