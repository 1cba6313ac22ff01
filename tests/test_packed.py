"""Packed Scan bodies: two directions in one, wide states; on the whole grid as right as the plain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gru_lower.graph.model import load
from gru_lower.rewriting.rewrite_model import rewrite_model
from lowering import hold, lower
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

if TYPE_CHECKING:
    from pathlib import Path

BOTH = ("block", "block-fused", "double", "triple")
PACKINGS = ("inside", "fused", *BOTH)


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


@pytest.mark.parametrize("packing", BOTH)
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
    (body,) = bodies(lowered)
    if packing == "triple" and lens:
        packing = "double"  # a state in three parts has one mask, two directions have two
    promised = {"block": (7, 9), "block-fused": (7, 8), "double": (6, 7), "triple": (6, 6)}
    assert kernels(body) == promised[packing][lbr]  # sequence_lens cost none
    hold(case, lowered)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("packing", "promised"), [("none", 9), ("fused", 8)])
def test_fused_saves_a_kernel(packing: str, promised: int, batch: int) -> None:
    """The sum before g is run together with g."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction="forward", linear_before_reset=1,
        clip=None, activations=None, layout=None, constants=WEIGHTS, bias=True, outputs=("Y", "Y_h"),
        static=True, N=batch,
    )  # fmt: skip
    lowered, _ = lower(case.model(), f"lower-gru{{form=scan,packing={packing}}}")
    (body,) = bodies(lowered)
    assert kernels(body) == promised
    hold(case, lowered)


@pytest.mark.parametrize("packing", ["none", *PACKINGS])
@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("outputs", [("Y", "Y_h"), ("Y_h",)])
def test_a_step_allocates_nothing(packing: str, clip: float | None, outputs: tuple[str, ...]) -> None:
    """All that a body computes is an output of it, but what is one kernel with the function after it."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, linear_before_reset=1, clip=clip, activations=None,
        constants=WEIGHTS, sequence_lens=None, outputs=outputs,
    )  # fmt: skip
    lowered, _ = lower(case.model(), f"lower-gru{{form=scan,packing={packing}}}")
    for body in bodies(lowered):
        inside = {node.output[0] for node in body.node} - {value.name for value in body.output}
        readers = [node.op_type for node in body.node if inside & set(node.input)]
        assert set(readers) <= {"Sigmoid", "Tanh"}, readers
    hold(case, lowered)


@pytest.mark.parametrize(("batch", "held"), [(1, True), (200, False), (None, True)])
def test_large_values_are_not_held(batch: int | None, *, held: bool) -> None:
    """Where two places for each would be too much for a cache."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction="forward", clip=None, activations=None,
        layout=None, constants=WEIGHTS, sequence_lens=None, static=batch is not None, N=batch or 200, T=9, H=64, I=3,
        outputs=("Y",), scale=0.3,
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru{packing=none}")
    (body,) = bodies(lowered)
    assert (len(body.output) > 3) == held
    hold(case, lowered)


@pytest.mark.parametrize("packing", ["none", *PACKINGS])
@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_sample_is_by_itself(packing: str, lbr: int, direction: str) -> None:
    """One that is not a number leaves the others of its batch what they are."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction=direction, linear_before_reset=lbr, clip=None,
        activations=None, layout=None, constants=WEIGHTS, sequence_lens=None, outputs=("Y", "Y_h"), static=True,
        N=3, T=9, H=4, initial_h=False,
    )  # fmt: skip
    lowered, _ = lower(case.model(), f"lower-gru{{form=scan,packing={packing}}}")
    run = onnxruntime.InferenceSession(lowered.SerializeToString(), providers=["CPUExecutionProvider"]).run
    spoilt = case.X.copy()
    spoilt[:, 1] = np.nan
    expected, found = (run(None, {"X": x}) for x in (case.X, spoilt))
    for clean, beside in zip(expected, found, strict=True):
        np.testing.assert_array_equal(beside[..., [0, 2], :], clean[..., [0, 2], :])
        assert np.isnan(beside[..., 1, :]).all()


@pytest.mark.parametrize(("batch", "inside"), [(64, True), (4, False), (None, False)])
@pytest.mark.parametrize("lens", [None, "ragged"])
def test_a_large_batch_is_projected_inside(batch: int | None, *, inside: bool, lens: str | None) -> None:
    """Where the projections of all steps would go through memory; not where they close the gates."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction="forward", clip=None, activations=None,
        scale=1.0, layout=None, constants=WEIGHTS, sequence_lens=lens, static=batch is not None, N=batch or 64, T=60,
        H=64, I=3, outputs=("Y",),
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru")
    (body,) = bodies(lowered)
    assert any(tensor.name.endswith("/Wz") for tensor in body.initializer) == (inside and not lens)
    hold(case, lowered)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("outputs", [("Y",), ("Y_h",), ("Y", "Y_h")])
@pytest.mark.parametrize("static", [True, False])
def test_a_large_first_step_has_no_product(direction: str, outputs: tuple[str, ...], *, static: bool) -> None:
    """From a state of zeros the first step is done outside the Scan, where the sequence length is known."""
    sizes = {"T": 11, "N": 2, "H": 256, "I": 3}
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction=direction, clip=None, activations=None,
        scale=1.0, layout=None, constants=WEIGHTS, initial_h=False, sequence_lens=None,
        outputs=outputs, static=static, **sizes,
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru")
    gathered = [node for node in lowered.graph.node if node.output[0].endswith("z_first")]
    assert len(gathered) == (len(bodies(lowered)) if static else 0)
    hold(case, lowered)


def test_packing_neither_reads_nor_copies_what_lies_outside_the_file(tmp_path: Path) -> None:
    """With external data the recurrent weights stay views, whatever is fastest."""
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, direction="forward", layout=None, constants=WEIGHTS,
        bias=True, static=True, N=1, T=20, H=8, I=8, sequence_lens=None,
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    onnx.save(case.model(), path, save_as_external_data=True, size_threshold=0)
    result = rewrite_model(load(path), "lower-gru{form=scan}", None)
    (body,) = bodies(result.held.proto)
    external = [each.name for each in body.initializer if each.data_location == onnx.TensorProto.EXTERNAL]
    assert [name.rpartition("/")[2] for name in external] == ["Rh", "Rr", "Rz"]


def bodies(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    """Return the body of every Scan."""
    scans = [node for node in model.graph.node if node.op_type == "Scan"]
    return [a.g for node in scans for a in node.attribute if a.name == "body"]


def kernels(body: onnx.GraphProto) -> int:
    """Return how many kernels onnxruntime starts for one step: a Gemm and the function after it are one."""
    gemms = {node.output[0] for node in body.node if node.op_type == "Gemm"}
    fused = [node for node in body.node if node.op_type in ("Sigmoid", "Tanh") and node.input[0] in gemms]
    return len(body.node) - len(fused)
