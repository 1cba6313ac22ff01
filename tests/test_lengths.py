"""sequence_lens that are known beforehand, and masks that a quantiser survives."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.graph.model_tensors import tensors
from gru_lower.targets import read_profile
from lowering import op_types, run
from strategies import WEIGHTS, GruCase, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


Array = np.ndarray[Any, Any]
G2P = Path(__file__).resolve().parents[1] / "fixtures" / "g2p_encoder"
RIGHT_IN_FLOATS = 264
QUANTISED_FOR = [name for name in read_profile.names() if read_profile.load(name).mask != "auto"]


def case(**knobs: Any) -> GruCase:
    plain = {"opset": 17, "dtype": np.float32, "static": True, "layout": None, "clip": None, "activations": None}
    known = {"constants": WEIGHTS | {"sequence_lens"}, "T": 5, "N": 3, "H": 4, "outputs": ("Y", "Y_h")}
    return random_case(np.random.default_rng(3), **{**plain, **known, **knobs})


def infinite(model: onnx.ModelProto) -> list[str]:
    """Return the names of the float constants that are not finite."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors(model)}
    return [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]


@pytest.mark.parametrize("lens", [(5, 3, 0), (0, 0, 0), (1, 1, 1), (5, 5, 4), (2, 0, 5)])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    "knobs", [{"initial_h": True}, {"outputs": ("Y_h",), "layout": 1}, {"clip": 0.5}, {"opset": 13}]
)
def test_portable_takes_constant_lengths_without_a_where(
    lens: tuple[int, ...], direction: str, knobs: dict[str, Any]
) -> None:
    made = case(sequence_lens=lens, direction=direction, nan_padding=True, **knobs)
    model = gru_lower.lower(made.model(), target="portable", verify=False).model
    assert not op_types(model) & {"Where", "Range", "Less", "Size", "Cast", "GRU"}
    assert not infinite(model)
    for name, value in run(model, made.feeds()).items():
        np.testing.assert_allclose(value, made.expected()[name], atol=2e-5)


def test_what_constant_lengths_decide_is_no_node_in_any_form_for_a_target() -> None:
    made = case(sequence_lens=(5, 3, 1))
    for form in ("unroll", "scan", "loop"):
        result = gru_lower.lower(made.model(), passes=f"normalize-gru,lower-gru{{form={form} packing=plain}}")
        assert result.report.verification.status == "equivalent"
        assert not op_types(result.model) & {"Where", "Range", "Less"}


def test_an_unroll_counts_its_rows_by_constants() -> None:
    made = case(sequence_lens="ragged", constants=WEIGHTS)
    result = gru_lower.lower(made.model(), form="unroll")
    assert result.report.verification.status == "equivalent"
    assert "Range" not in op_types(result.model)


@pytest.mark.parametrize("target", QUANTISED_FOR)
def test_what_is_quantised_for_has_finite_masks(target: str) -> None:
    profile = read_profile.load(target)
    opset = min(max(13, profile.opset[0]), profile.opset[1])
    for constants in (WEIGHTS, WEIGHTS | {"sequence_lens"}):
        made = case(sequence_lens="ragged", constants=constants, opset=opset)
        for form in profile.forms:
            passes = f"lower-gru{{forms={form} mask={profile.mask} packing=plain vocabulary={profile.vocabulary}}}"
            if form != "step":
                assert not infinite(gru_lower.lower(made.model(), passes=passes, verify=False).model)


def test_masks_are_finite_for_every_target_but_one_that_is_measured_with_infinite_ones() -> None:
    assert set(read_profile.names()) - set(QUANTISED_FOR) == {"tract"}


def test_microcontrollers_get_no_gather_by_int64() -> None:
    """LiteRT for Microcontrollers has none: rows past a length are chosen by a Where, not by their numbers."""
    made = case(sequence_lens="ragged", constants=WEIGHTS, opset=17)
    for vocabulary in ("gemm", "matmul"):
        result = gru_lower.lower(made.model(), target="onnx2tf", vocabulary=vocabulary)
        assert result.report.verification.status == "equivalent"
        assert "Gather" not in op_types(result.model)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lens", [(5, 3, 0), (0, 0, 0), (1, 5, 5)])
@pytest.mark.parametrize("knobs", [{"initial_h": True}, {"initial_h": False, "clip": 0.5}])
def test_masks_that_multiply_choose_states_without_a_where(
    lens: tuple[int, ...], direction: str, knobs: dict[str, Any]
) -> None:
    """Ethos-U has no Where, and no Slice of bools."""
    made = case(sequence_lens=lens, constants=WEIGHTS, direction=direction, nan_padding=False, **knobs)
    model = gru_lower.lower(made.model(), form="unroll", mask="multiply", verify=False).model
    assert not op_types(model) & {"Where", "Gather", "Size", "Range", "GRU"}
    for name, value in run(model, made.feeds()).items():
        np.testing.assert_allclose(value, made.expected()[name], atol=2e-5)


def test_masks_do_not_multiply_what_may_be_infinite() -> None:
    """0 times an infinite candidate is NaN; a Scan has a Where in its body, too."""
    large = case(sequence_lens="ragged", constants=WEIGHTS, activations=["Sigmoid", "Relu"])
    assert "Where" in op_types(gru_lower.lower(large.model(), form="unroll", mask="multiply").model)
    assert "Where" in op_types(
        gru_lower.lower(case(sequence_lens="ragged", constants=WEIGHTS).model(), form="scan", mask="multiply").model
    )


def test_check_names_infinite_masks_and_what_to_do() -> None:
    made = case(sequence_lens="ragged", constants=WEIGHTS, static=False)
    for form in ("scan", "loop"):
        model = gru_lower.lower(made.model(), form=form, verify=False).model
        (found,) = gru_lower.check(model, select=["GL315"]).diagnostics
        assert "int8" in found.message
        assert 'mask="where"' in str(found.hint)
        finite = gru_lower.lower(made.model(), form=form, mask="where", verify=False).model
        assert not gru_lower.check(finite, select=["GL315"]).diagnostics


class Calibration(CalibrationDataReader):  # type: ignore[misc] # onnxruntime ships no types
    """One case to calibrate on."""

    def __init__(self, feeds: Mapping[str, Array]) -> None:
        self.cases: Iterator[Mapping[str, Array]] = iter([feeds])

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self.cases, None)


def words_right(path: Path, feeds: dict[str, Array], labels: Array) -> int:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return int((session.run(["first_phoneme"], feeds)[0].argmax(-1) == labels).sum())


@pytest.mark.parametrize("options", [{"mask": "where", "form": "scan"}, {"target": "openvino", "form": "scan"}])
def test_a_trained_model_survives_static_int8(options: dict[str, Any], tmp_path: Path) -> None:
    with np.load(G2P.with_suffix(".npz")) as data:
        feeds = {key.removeprefix("in__"): data[key] for key in data if key.startswith("in__")}
        labels = data["out__first_phoneme"]
    lowered, quantised = tmp_path / "lowered.onnx", tmp_path / "quantised.onnx"
    gru_lower.lower(G2P.with_suffix(".onnx"), verify=False, **options).save(lowered)
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(lowered, quantised, Calibration(feeds))
    assert words_right(lowered, feeds, labels) == RIGHT_IN_FLOATS
    assert words_right(quantised, feeds, labels) > RIGHT_IN_FLOATS - 5


def with_open_dims() -> onnx.ModelProto:
    """Return a GRU of open dims whose lengths are an input."""
    return case(sequence_lens="ragged", constants=WEIGHTS, static=False, hidden_size=4, initial_h=False).model()


def with_lengths_that_are_cast() -> onnx.ModelProto:
    """Return the same with lengths that are handed in as int64."""
    model = with_open_dims()
    (gru,) = [node for node in model.graph.node if node.op_type == "GRU"]
    (given,) = [value for value in model.graph.input if value.name == gru.input[4]]
    given.type.tensor_type.elem_type = onnx.TensorProto.INT64
    model.graph.node.insert(0, onnx.helper.make_node("Cast", [given.name], ["cast"], to=onnx.TensorProto.INT32))
    gru.input[4] = "cast"
    return model


SETTINGS: list[tuple[Any, dict[str, int], list[int]]] = [
    ("T", {"T": 4, "N": 2}, [4, 4]),
    ("X:0", {"X:0": 4, "X:1": 2}, [4, 4]),
    (3, {"T": 4, "N": 2}, [3, 3]),
    ([4, 1], {"T": 4}, [4, 1]),
    (np.array([4, 0], np.int64), {"T": 4, "N": 2}, [4, 0]),
]


@pytest.mark.parametrize(("value", "dims", "lens"), SETTINGS)
@pytest.mark.parametrize("target", ["portable", None])
def test_an_input_that_is_set_leaves_the_interface(
    value: Any, dims: dict[str, int], lens: list[int], target: str | None
) -> None:
    model = with_open_dims()
    result = gru_lower.lower(model, set={"sequence_lens": value}, fix_dims=dims, target=target)
    assert result.report.verification.status == "equivalent"
    assert "sequence_lens" not in [each.name for each in result.model.graph.input]
    features = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    feeds = {"X": np.random.default_rng(1).standard_normal((4, 2, features)).astype(np.float32)}
    expected = run(model, feeds | {"sequence_lens": np.array(lens, np.int32)})
    for name, array in run(result.model, feeds).items():
        np.testing.assert_allclose(array, expected[name], atol=1e-5)


@pytest.mark.parametrize("value", ["T", 2])
def test_a_value_of_open_dims_is_computed_of_another_inputs_shape(value: Any) -> None:
    result = gru_lower.lower(with_open_dims(), set={"sequence_lens": value})
    assert result.report.verification.status == "equivalent"
    assert [each.name for each in result.model.graph.input] == ["X"]


def test_the_command_line_sets_inputs_from_files_and_lists(tmp_path: Path) -> None:
    onnx.save(with_open_dims(), tmp_path / "model.onnx")
    np.save(tmp_path / "lens.npy", np.array([4, 2]))
    for text in ("4,2", "[4, 2]", str(tmp_path / "lens.npy")):
        words = [str(tmp_path / "model.onnx"), "--fix-dim", "T=4", "--target", "portable", "-q", "--overwrite"]
        assert command([*words, "--set", f"sequence_lens={text}", "-o", str(tmp_path / "out.onnx")]) == 0
        assert [each.name for each in onnx.load(tmp_path / "out.onnx").graph.input] == ["X"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sequence_len": 3}, "did you mean sequence_lens"),
        ({"sequence_lens": "TT"}, "did you mean T"),
        ({"sequence_lens": 2.5}, "int32"),
        ({"sequence_lens": [[1]]}, "shape"),
        ({"sequence_lens": "no.npy"}, "no.npy"),
        ({"sequence_lens": [9, 9]}, "contradict"),
        ({"sequence_lens": [9, 9]}, "lengths from 0 to T"),
        ({"sequence_lens": [1, -1]}, "less than 0"),
        ({"sequence_lens": ["a"]}, "numbers"),
    ],
)
def test_what_does_not_fit_an_input_is_refused(settings: dict[str, Any], said: str) -> None:
    for model in (with_open_dims(), with_lengths_that_are_cast()):
        with pytest.raises(gru_lower.Unsupported) as refused:
            gru_lower.lower(model, set=settings, fix_dims={"T": 4})
        assert said.replace("int32", "int") in f"{refused.value} {refused.value.hint}"


def test_what_portable_still_needs_is_said_at_once_lengths_included() -> None:
    with pytest.raises(gru_lower.Unsupported) as refused:
        gru_lower.lower(with_open_dims(), target="portable")
    assert refused.value.hint == 'add fix_dims={"T": N, "N": LENGTH}, set={"sequence_lens": LENGTH}'
    dims = {"T": 4, "N": 2}
    with pytest.raises(gru_lower.Remaining) as left:
        gru_lower.lower(with_open_dims(), target="portable", fix_dims=dims)
    assert "set=" in str(left.value.hint)
    assert 'assume="full-length"' in str(left.value.hint)


def test_a_promise_of_full_lengths_drops_them() -> None:
    portable: dict[str, Any] = {"target": "portable", "fix_dims": {"T": 4, "N": 2}}
    for options in ({}, portable):
        result = gru_lower.lower(with_open_dims(), assume="full-length", **options)
        assert result.report.verification.status == "equivalent"
        assert not op_types(result.model) & {"Where", "Less"}
    legal = gru_lower.legalize(with_open_dims(), target="mnn", assume="full-length", fix_dims={"N": 2})
    assert not op_types(legal.model) & {"Where", "Less"}


def test_tensorrt_keeps_a_gru_whose_lengths_are_promised_to_be_positive() -> None:
    model = case(sequence_lens="ragged", constants=WEIGHTS, linear_before_reset=1).model()
    assert "Where" in op_types(gru_lower.legalize(model, target="tensorrt").model)
    kept = gru_lower.legalize(model, target="tensorrt", assume="positive-lengths").model
    assert op_types(kept) == {"GRU"}
    with pytest.raises(gru_lower.Unsupported, match="positive"):
        gru_lower.legalize(model, target="tensorrt", assume="positive")  # type: ignore[call-overload]
