"""Lowering is right on the whole grid: every attribute, input, output, opset, type and form, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lowering import FORMS, float32_twin, hold, holds_gru, lower, op_types, run
from strategies import BFLOAT16, BOUNDED, UNBOUNDED, WEIGHTS, AnyOf, GruCase, gru_cases, random_case


def may_be_kept(code: str | None, case: GruCase, form: str) -> bool:
    """Whether the code is one a legal GRU may be kept for, and its reason holds."""
    return {
        "GL302": form == "unroll" and not case.static,
        "GL303": form == "step" and not (case.static and case.sizes[0] == 1),
        "GL304": case.opset < 9 and form == "scan",
    }.get(code or "", False)


@settings(max_examples=6 * settings().max_examples)
@given(case=gru_cases(dtype=AnyOf((np.float32, np.float64, np.float16))), form=st.sampled_from(FORMS))
def test_every_form_equals_the_reference(case: GruCase, form: str) -> None:
    """What a user loses if this fails: their model computes something else after lowering."""
    assume(not (case.jumps and case.dtype != np.float64))
    lowered, result = lower(case.model(), f"lower-gru{{form={form}}}")
    (site,) = result.sites
    if site.action == "kept":
        assert may_be_kept(site.code, case, form), site.message
        assert holds_gru(lowered)
        return
    assert not holds_gru(lowered)
    hold(case, lowered)


@given(
    case=gru_cases(dtype=BFLOAT16, opset=range(22, 25), activation=AnyOf(BOUNDED)),
    form=st.sampled_from(("auto", "scan")),
)
def test_bfloat16_is_kept_inside(case: GruCase, form: str) -> None:
    """The model's own type stays; the float32 twin of what was written equals the reference."""
    assume(not case.jumps)
    lowered, _ = lower(case.model(), f"lower-gru{{form={form}}}")
    hold(case, lowered)


@pytest.mark.parametrize("form", ["scan", "unroll"])
def test_length_zero_keeps_the_initial_state_on_request(form: str) -> None:
    """zero_length_state=initial: the last state of an empty sequence is its initial state."""
    rng = np.random.default_rng(3)
    for direction in ("forward", "reverse", "bidirectional"):
        case = random_case(
            rng, opset=17, dtype=np.float32, direction=direction, sequence_lens=[0, 2, 4], T=4, N=3,
            initial_h=True, static=True, layout=None, activations=None, outputs=("Y", "Y_h"),
        )  # fmt: skip
        lowered, _ = lower(case.model(), f"lower-gru{{form={form},zero_length_state=initial}}")
        hold(case, lowered, zero_length_state="initial")


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
@pytest.mark.parametrize("candidate", [*UNBOUNDED, "ScaledTanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_a_state_that_is_kept_is_kept_to_the_bit(form: str, candidate: str, dtype: type[np.floating[Any]]) -> None:
    """With z = 1 the candidate has no part in the state, however large it is; whatever the packing."""
    large = 6e4 if dtype == np.float16 else 1e30
    alphas, betas = [large if candidate == "ScaledTanh" else 1.0] * 4, [0.5] * 4
    for packing in ("auto", "block", "double", "triple") if form == "scan" else ("auto",):
        for direction, wants in (("forward", ("Y_h",)), ("bidirectional", ("Y", "Y_h"))):
            functions = ["HardSigmoid", candidate]
            case = random_case(
                np.random.default_rng(23), opset=17, dtype=dtype, H=3, I=2, N=2, T=5, static=form == "unroll",
                initial_h=True, bias=True, layout=None, clip=None, sequence_lens=None, direction=direction,
                activations=functions * (2 if direction == "bidirectional" else 1), activation_alpha=alphas,
                activation_beta=betas, outputs=wants, constants=WEIGHTS, linear_before_reset=1,
            )  # fmt: skip
            assert case.B is not None
            case.W[:, :3], case.R[:, :3], case.B[:, :3] = 0, 0, 15  # the update gate is 1, whatever comes
            case.W[:, 6:], case.X[:] = 1e3 / 4, 4  # all candidates are large
            case.R[:, 3:] = 0
            lowered, _ = lower(case.model(), f"lower-gru{{form={form},packing={packing}}}")
            made = run(lowered, case.feeds())["Y_h"]
            np.testing.assert_array_equal(made, case.initial_h, err_msg=f"{packing} {direction}")


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("initial_h", [False, True])
def test_batch_of_zero(*, lbr: int, initial_h: bool) -> None:
    """B = 0 is legal, and works lowered, where onnxruntime's own GRU ends the process."""
    rng = np.random.default_rng(5)
    for static in (True, False):
        for form in ("scan", "unroll"):
            if form == "unroll" and not static:
                continue
            case = random_case(
                rng, opset=17, dtype=np.float32, N=0, T=3, linear_before_reset=lbr, initial_h=initial_h, layout=None,
                static=static, sequence_lens=None,
            )  # fmt: skip
            lowered, _ = lower(case.model(), f"lower-gru{{form={form}}}")
            hold(case, lowered)


@pytest.mark.parametrize("static_batch", [True, False])
def test_sequence_of_length_zero(*, static_batch: bool) -> None:
    """T = 0, known beforehand: Y is empty and the state stays; no Scan, which refuses it."""
    rng = np.random.default_rng(7)
    case = random_case(
        rng, opset=17, dtype=np.float32, T=0, N=2, initial_h=True, layout=None, static=True, sequence_lens=None,
        direction="bidirectional", outputs=("Y", "Y_h"), bias=True,
    )  # fmt: skip
    model = case.model()
    if not static_batch:
        for value in (*model.graph.input, *model.graph.output):
            axis = {"X": 1, "initial_h": 1, "Y": 2, "Y_h": 1}[value.name]
            value.type.tensor_type.shape.dim[axis].dim_param = "N"
    lowered, result = lower(model, "lower-gru{form=scan}")
    assert result.sites[0].form == "unroll"
    hold(case, lowered)


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 13, 17])
@pytest.mark.parametrize("sizes", [(0, 2), (3, 0), (0, 0)])
@pytest.mark.parametrize("lens", [False, True])
def test_empty_sequences_and_batches(opset: int, sizes: tuple[int, int], *, lens: bool) -> None:
    """T = 0: Y is empty and the state stays; B = 0: all is empty. A Scan takes no T = 0, and says so."""
    length, batch = sizes
    for seed, form in enumerate(("scan", "loop", "unroll") * 4):
        if (form == "scan" and (opset < 9 or not length)) or (form == "unroll" and seed % 2):
            continue
        case = random_case(
            np.random.default_rng(seed), opset=opset, dtype=np.float32, T=length, N=batch, layout=None,
            static=form == "unroll", sequence_lens=[0] * batch if lens else None, constants=WEIGHTS,
            direction=("forward", "reverse", "bidirectional")[seed % 3], initial_h=bool(seed % 2),
        )  # fmt: skip
        lowered, result = lower(case.model(), f"lower-gru{{form={form}}}")
        assert result.sites[0].action == "lowered", result.sites[0].message
        assert result.sites[0].preconditions == (("T >= 1",) if form == "scan" else ())
        hold(case, lowered)


@pytest.mark.parametrize("opset", range(7, 25))
def test_lengths_at_every_opset(opset: int) -> None:
    """No GRU is kept for its lengths, whatever stands in the padding; open sizes and known ones."""
    rng = np.random.default_rng(opset)
    for static in (True, False):
        for form in ("auto", "loop"):
            for activations in (None, ["Sigmoid", "Relu"]):
                case = random_case(
                    rng, opset=opset, dtype=np.float32, static=static, sequence_lens="ragged", nan_padding=True, T=4,
                    N=3, direction="reverse", activations=activations, constants=WEIGHTS,
                )  # fmt: skip
                lowered, result = lower(case.model(), f"lower-gru{{form={form}}}")
                assert result.sites[0].action == "lowered", result.sites[0].message
                hold(case, lowered)


def test_nothing_depends_on_the_batch_an_exporter_baked_in() -> None:
    """A dynamic batch stays dynamic: one lowered model serves batches of 1 and 5."""
    rng = np.random.default_rng(11)
    for form in ("scan", "auto"):
        one = random_case(
            rng, opset=17, dtype=np.float32, static=False, N=1, T=3, layout=None, sequence_lens=None, constants=WEIGHTS
        )
        lowered, _ = lower(one.model(), f"lower-gru{{form={form}}}")
        many = {name: np.concatenate([array] * 5, axis=1) for name, array in one.feeds().items() if array.ndim == 3}
        for name, value in run(lowered, {**one.feeds(), **many}).items():
            single = run(lowered, one.feeds())[name]
            assert value.shape[-2] == 5
            np.testing.assert_allclose(value[..., 3:4, :], single, rtol=1e-5, atol=1e-6)


def test_without_initial_state_unroll_needs_no_zero_tensor() -> None:
    """The specialised first step: no shape arithmetic and no recurrent product at step 0."""
    case = random_case(
        np.random.default_rng(13), opset=17, dtype=np.float32, T=4, static=True, initial_h=False, layout=None,
        sequence_lens=None, direction="forward", clip=None, activations=None, linear_before_reset=0,
        constants=frozenset({"W", "R", "B"}),
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru{form=unroll}")
    assert op_types(lowered) <= {
        "Reshape",
        "Gemm",
        "Split",
        "Sigmoid",
        "Tanh",
        "Mul",
        "Sub",
        "Add",
        "Concat",
        "Unsqueeze",
    }
    gemms = [node for node in lowered.graph.node if node.op_type == "Gemm"]
    assert len(gemms) == 3 + 3 * 3
    hold(case, lowered)


def test_scan_has_no_mask_in_its_body_where_the_gate_can_be_closed_outside() -> None:
    """sequence_lens costs no node per step with Sigmoid and Tanh."""
    case = random_case(
        np.random.default_rng(17), opset=17, dtype=np.float32, sequence_lens="ragged", T=5, N=3, clip=None,
        activations=None, layout=None,
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru{form=scan}")
    bodies = [a.g for node in lowered.graph.node if node.op_type == "Scan" for a in node.attribute if a.name == "body"]
    assert bodies
    assert all(node.op_type != "Where" for body in bodies for node in body.node)
    hold(case, lowered)


def test_the_twin_is_a_twin() -> None:
    """The float32 twin the bfloat16 tests rest on holds no bfloat16."""
    case = random_case(np.random.default_rng(19), opset=22, dtype=BFLOAT16, layout=None)
    twin = float32_twin(lower(case.model(), "lower-gru")[0])
    assert onnx.TensorProto.BFLOAT16 not in {tensor.data_type for tensor in twin.graph.initializer}
