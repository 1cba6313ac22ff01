"""Packed Scan bodies: both directions in one, the state twice; on the whole grid as right as the plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gru_lower.graph.scopes import walk
from lowering import hold, lower
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

PACKINGS = ("block", "double")


@given(
    case=gru_cases(opset=range(10, 25), dtype=AnyOf((np.float32, np.float64, np.float16))),
    packing=st.sampled_from(PACKINGS),
)
def test_packed_equals_the_reference(case: GruCase, packing: str) -> None:
    """Whether it applies or not: what is written computes what the operator does."""
    assume(not (case.jumps and case.dtype != np.float64))
    lowered, result = lower(case.model(), f"lower-gru{{form=scan,packing={packing}}}")
    if result.sites[0].action == "lowered":
        hold(case, lowered)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("lens", [None, "ragged"])
def test_two_directions_share_one_body(packing: str, lbr: int, lens: str | None) -> None:
    """One Scan instead of two, and no more kernels in it than the form promises."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction="bidirectional", linear_before_reset=lbr,
        sequence_lens=lens, clip=None, activations=None, layout=None, constants=WEIGHTS, bias=True,
        outputs=("Y", "Y_h"),
    )  # fmt: skip
    lowered, _ = lower(case.model(), f"lower-gru{{form=scan,packing={packing}}}")
    scans = [node for node in lowered.graph.node if node.op_type == "Scan"]
    assert len(scans) == 1
    (body,) = (a.g for a in scans[0].attribute if a.name == "body")
    # onnxruntime runs Gemm with the activation after it as one kernel.
    fused = {(0, "block"): 3, (1, "block"): 2, (0, "double"): 2, (1, "double"): 2}[lbr, packing]
    kernels = len(body.node) - fused
    without_mask = {(0, "block"): 7, (1, "block"): 9, (0, "double"): 6, (1, "double"): 7}[lbr, packing]
    assert kernels == without_mask + (lens is not None)
    hold(case, lowered)


@given(case=gru_cases(opset=range(10, 25), dtype=np.float32, outputs=("Y", "Y_h")))
def test_a_plain_body_hands_its_output_to_nobody_else(case: GruCase) -> None:
    """Tract rewires every use of a scan output in the body to what comes after it, and then refuses the model."""
    assume(not case.jumps)
    lowered, result = lower(case.model(), "lower-gru{form=scan,packing=plain}")
    assume(result.sites[0].action == "lowered" and result.sites[0].form == "scan")
    bodies = [scope.proto for scope in walk(lowered) if scope.proto is not lowered.graph]
    for body in bodies:
        _, y = (value.name for value in body.output)
        assert not any(y in node.input for node in body.node)
    assert len(bodies) == case.sizes[4]
    hold(case, lowered)
