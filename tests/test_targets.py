"""--target, --vocabulary, --forbid: what may not be written is not written, and what is written is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import gru_lower
from gru_lower.emission.operator_vocabulary import MINIMAL
from gru_lower.targets import read_profile
from gru_lower.targets.profile import FOLDER
from lowering import hold, holds_gru, lower, op_types
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = "HardSigmoid+LeakyRelu+Elu+ThresholdedRelu+Softsign+Softplus"
FORBIDDEN = ("Split", "Sub", "Gemm", "Gemm+Split+Sub", "Tanh", FUNCTIONS, f"Clip+Max+Min+Abs+Neg+{FUNCTIONS}")


@given(
    case=gru_cases(dtype=AnyOf((np.float32, np.float64))),
    forbid=st.sampled_from(FORBIDDEN),
    form=st.sampled_from(("scan", "loop", "unroll")),
)
def test_what_has_another_spelling_gets_it(case: GruCase, forbid: str, form: str) -> None:
    """Without Gemm, Split, Sub and the rarer functions every GRU can be lowered that can be with them."""
    assume(not (case.jumps and case.dtype != np.float64))
    plain = lower(case.model(), f"lower-gru{{form={form}}}")[1].sites[0]
    lowered, result = lower(case.model(), f"lower-gru{{form={form},forbid={forbid}}}")
    assert (result.sites[0].action, result.sites[0].code) == (plain.action, plain.code)
    if plain.action == "lowered":
        assert not set(forbid.split("+")) & op_types(lowered)
        hold(case, lowered)


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("initial_h", [False, True])
def test_the_minimal_vocabulary(lbr: int, direction: str, *, initial_h: bool) -> None:
    """MatMul, Add, Sub, Mul, Sigmoid, Tanh and views: nothing else in an unrolled GRU."""
    case = random_case(
        np.random.default_rng(0), opset=17, dtype=np.float32, static=True, direction=direction, initial_h=initial_h,
        linear_before_reset=lbr, clip=None, activations=None, sequence_lens=None, layout=None, constants=WEIGHTS,
    )  # fmt: skip
    lowered, _ = lower(case.model(), "lower-gru{form=unroll,vocabulary=minimal}")
    assert op_types(lowered) <= MINIMAL
    hold(case, lowered)


def test_what_has_no_other_spelling_is_kept() -> None:
    case = random_case(
        np.random.default_rng(0), opset=17, dtype=np.float32, static=True, clip=0.5, sequence_lens=None, layout=None
    )
    lowered, result = lower(case.model(), "lower-gru{form=unroll,vocabulary=minimal}")
    assert result.sites[0].code == "GL307"
    assert "Clip" in result.sites[0].message
    assert holds_gru(lowered)


class TestPortable:
    def test_the_trained_fixture(self) -> None:
        result = gru_lower.lower(ROOT / "fixtures" / "digits_gru.onnx", target="portable", fix_dims={"batch": 1})
        wanted = read_profile.load("portable")
        assert result.report.verification.status == "equivalent"
        assert not {"GRU", "Scan", "Loop", "If", *wanted.forbid} & op_types(result.model)

    def test_a_long_sequence_is_unrolled_where_there_is_no_control_flow(self) -> None:
        case = random_case(
            np.random.default_rng(0), opset=17, dtype=np.float32, static=True, T=40, clip=None, activations=None,
            sequence_lens=None, layout=None, initial_h=False, constants=WEIGHTS,
        )  # fmt: skip
        result = gru_lower.lower(case.model(), target="portable")
        assert [site.form for site in result.report.sites] == ["unroll"]
        hold(case, result.model)

    def test_shape_arithmetic_on_static_shapes_is_folded(self) -> None:
        model = gru_lower.lower(
            ROOT / "fixtures" / "digits_gru.onnx", passes="fold-shapes", fix_dims={"batch": 2}, verify=False
        ).model
        assert not {"Shape", "ConstantOfShape"} & op_types(gru_lower.lower(model, target="portable").model)

    @pytest.mark.parametrize(
        ("knobs", "code", "hint"),
        [
            ({"static": False, "opset": 17}, "GL403", '"T": N'),
            ({"static": True, "opset": 11}, "GL404", "opset=17"),
        ],
    )
    def test_what_is_missing_is_named_with_the_argument_for_it(
        self, knobs: dict[str, object], code: str, hint: str
    ) -> None:
        case = random_case(np.random.default_rng(0), dtype=np.float32, layout=None, **knobs)
        with pytest.raises(gru_lower.Unsupported) as caught:
            gru_lower.lower(case.model(), target="portable")
        assert caught.value.code == code
        assert hint in (caught.value.hint or "")

    @pytest.mark.parametrize("opset", [9, 17, 21])
    def test_lengths_that_are_all_of_it_need_no_mask(self, opset: int) -> None:
        case = _plain(opset=opset, sequence_lens="full", constants=WEIGHTS | {"sequence_lens"})
        result = gru_lower.lower(case.model(), target="portable", opset=17)
        hold(case, result.model)
        assert not {"GRU", "Where"} & op_types(result.model)

    def test_other_lengths_are_refused_by_name(self) -> None:
        case = _plain(sequence_lens="positive")
        with pytest.raises(gru_lower.Remaining, match="sequence_lens is rejected on portable"):
            gru_lower.lower(case.model(), target="portable", verify=False)

    @pytest.mark.parametrize("name", ["Softplus", "ThresholdedRelu"])
    def test_functions_that_some_runtime_lacks_or_computes_wrongly_are_not_written(self, name: str) -> None:
        case = _plain(activations=["Sigmoid", name], activation_alpha="exact")
        result = gru_lower.lower(case.model(), target="portable")
        hold(case, result.model)
        assert not {name, "Where"} & op_types(result.model)

    @pytest.mark.parametrize("opset", [12, 22])
    def test_the_opset_to_convert_to_is_named_whether_newer_or_older(self, opset: int) -> None:
        case = _plain(opset=opset)
        with pytest.raises(gru_lower.Unsupported) as caught:
            gru_lower.lower(case.model(), target="portable")
        assert caught.value.hint == "add opset=17"
        hold(case, gru_lower.lower(case.model(), target="portable", opset=17).model)


class TestTargets:
    @pytest.mark.parametrize("call", [gru_lower.lower, gru_lower.legalize])
    def test_an_operator_that_is_taken_in_other_opsets_is_had_by_converting(self, call: Callable[..., Any]) -> None:
        case = _plain(opset=21)
        with pytest.raises(gru_lower.Remaining) as caught:
            call(case.model(), target="onnx2torch", verify=False)
        assert "needs Reshape and Unsqueeze here, which may not be written" in caught.value.message
        assert caught.value.hint == "add opset=17"
        hold(case, call(case.model(), target="onnx2torch", opset=17).model)

    @pytest.mark.parametrize("opset", [13, 23])
    def test_an_opset_that_would_lead_to_another_refusal_is_no_hint(self, opset: int) -> None:
        case = _plain(opset=opset, activations=["Sigmoid", "ThresholdedRelu"])
        with pytest.raises(gru_lower.Remaining) as caught:
            gru_lower.lower(case.model(), target="ncnn", verify=False)
        assert "needs Greater and Cast here, which may not be written" in caught.value.message
        assert caught.value.hint == "use another target: gru-lower targets lists them"

    def test_whole_numbers_before_opset_9_need_no_float64(self) -> None:
        """A Constant holds floats alone there, and in such a file there are no other constants."""
        case = _plain(opset=7)
        result = gru_lower.lower(case.model(), target="aidge", verify=False)
        assert "Cast" in op_types(result.model)
        hold(case, result.model)

    def test_clip_is_had_without_the_operator(self) -> None:
        case = _plain(clip=0.3)
        result = gru_lower.lower(case.model(), target="jaxonnxruntime")
        assert "Clip" not in op_types(result.model)
        hold(case, result.model)

    def test_a_batch_that_only_another_input_tells_is_to_be_fixed(self) -> None:
        case = _plain(initial_h=True, static=False, constants=WEIGHTS | {"initial_h"})
        with pytest.raises(gru_lower.Remaining) as caught:
            gru_lower.lower(case.model(), target="tract", verify=False)
        assert "fix_dims=" in str(caught.value.hint)
        result = gru_lower.lower(case.model(), target="tract", fix_dims={"N": case.sizes[1], "T": case.sizes[0]})
        hold(case, result.model)

    def test_tract_gets_no_masks_by_index(self) -> None:
        """In whole models it fails on them: "eval() called on a Dummy op. This is a bug"."""
        case = _plain(direction="reverse", sequence_lens="positive", T=12)
        result = gru_lower.lower(case.model(), target="tract")
        hold(case, result.model)
        assert "Range" not in op_types(result.model)
        assert "Where" in op_types(result.model)

    @pytest.mark.parametrize("name", ["Tanh", "Softplus"])
    def test_a_function_that_is_not_a_number_for_large_values_is_not_written(self, name: str) -> None:
        """OpenCV 5's Tanh is NaN from 45 on, its Softplus from 89."""
        case = _plain(activations=["Sigmoid", name], T=4)
        large = replace(case, X=case.X * np.float32(100), attributes={**case.attributes, "clip": 1000.0})
        result = gru_lower.lower(large.model(), target="opencv5", verify=False)
        hold(large, result.model)
        assert "GRU" not in op_types(result.model)
        nodes = result.model.graph.node
        made = {output: node.op_type for node in nodes for output in node.output}
        assert {made[node.input[0]] for node in nodes if node.op_type == name} <= {"Clip"}


def _plain(**knobs: Any) -> GruCase:
    return random_case(
        np.random.default_rng(4), **{
            "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None,
            "sequence_lens": None, "constants": WEIGHTS, "T": 5, "N": 3, "H": 4, "hidden_size": 4, "initial_h": False,
            "linear_before_reset": 1, "nan_padding": False, "direction": None, **knobs,
        },
    )  # fmt: skip


class TestProfiles:
    def test_every_profile_that_ships_is_whole(self) -> None:
        for name in read_profile.names():
            found = read_profile.load(name)
            assert found.name == name
            assert found.summary

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("opset = [13, 17]\n", "lacks opset"),
            ("static = true\n", "lacks static"),
            (None, "does not know colour"),
        ],
    )
    def test_a_file_that_is_no_profile(self, change: str | None, words: str, tmp_path: Path) -> None:
        text = (FOLDER / "portable.toml").read_text(encoding="utf-8")
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(change, "") if change else text + 'colour = "red"\n', encoding="utf-8")
        with pytest.raises(gru_lower.InvalidModel) as caught:
            read_profile.load(str(path))
        assert caught.value.code == "GL402"
        assert words in caught.value.message

    def test_a_profile_of_ones_own(self, tmp_path: Path) -> None:
        text = (FOLDER / "portable.toml").read_text(encoding="utf-8").replace('"Shape"', '"Sub", "Shape"')
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        case = random_case(
            np.random.default_rng(0), opset=17, dtype=np.float32, static=True, clip=None, activations=None,
            sequence_lens=None, layout=None, constants=WEIGHTS,
        )  # fmt: skip
        result = gru_lower.lower(case.model(), target=str(tmp_path / "mine.toml"))
        assert "Sub" not in op_types(result.model)
        hold(case, result.model)
