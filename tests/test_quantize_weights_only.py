"""GRU nodes that stay, with weights in whole numbers in front of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import gru_lower
from gru_lower.cli.main import run as run_command
from gru_lower.errors import Unsupported
from gru_lower.gru.session_options import session_options
from gru_lower.verification.inputs.given_files import read
from int8_models import cases_of, gru_model, nodes_of

FIXTURES = Path(__file__).parent.parent / "fixtures"
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "both directions": {"direction": "bidirectional", "linear_before_reset": 1},
    "reverse": {"direction": "reverse"},
    "lengths": {"lens": True, "linear_before_reset": 1},
    "a state": {"initial": True},
    "the last state alone": {"outputs": ("", "Y_h")},
    "other functions": {"activations": ["HardSigmoid", "Softsign"]},
}


def run(model: onnx.ModelProto, feeds: dict[str, Any], **entries: str) -> list[Any]:
    options = onnxruntime.SessionOptions()
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    return list(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds))


@pytest.mark.parametrize("foldable", [False, True])
@pytest.mark.parametrize("weights", ["int8", "uint8"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_node_stays_and_is_near(kind: str, weights: Any, foldable: bool) -> None:  # noqa: FBT001
    model = gru_model(**KINDS[kind])
    result = gru_lower.quantize(model, weights_only=True, weights=weights, foldable=foldable)
    assert [site.action for site in result.report.sites] == ["quantised"]
    assert [node.op_type for node in nodes_of(result.model)].count("GRU") == 1
    assert result.report.verification.status == "equivalent"
    for case in cases_of(model):
        for before, after in zip(run(model, case), run(result.model, case), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-2)


def test_each_row_has_a_scale_of_its_own() -> None:
    result = gru_lower.quantize(gru_model(direction="bidirectional"), weights_only=True)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.model.graph.initializer}
    dequantisers = [node for node in result.model.graph.node if node.op_type == "DequantizeLinear"]
    assert len(dequantisers) == 2
    for node in dequantisers:
        values, scale = (tensors[name] for name in node.input)
        assert (values.dtype.name, values.shape[:2], scale.shape) == ("int8", (2, 24), (24,))
        assert [attribute.i for attribute in node.attribute if attribute.name == "axis"] == [1]
        assert np.abs(values).max(axis=(0, 2)).min() == 127
    assert not {"W", "R"} & tensors.keys()


@pytest.mark.parametrize(("I", "H", "fits"), [(8, 64, False), (36, 64, True), (128, 128, True)])
def test_weights_are_a_quarter_and_a_scale_for_each_row(I: int, H: int, *, fits: bool) -> None:
    site = gru_lower.quantize(gru_model(I=I, H=H), weights_only=True, verify=False).report.sites[0]
    share = site.quantisation.bytes_after / site.quantisation.bytes_before
    assert share == pytest.approx(0.25 + 2 / (I + H))
    assert (share <= 0.27) is fits


def test_weights_of_several_grus_are_stored_once() -> None:
    model = gru_model(I=8, outputs=("Y", ""))
    squeeze = onnx.helper.make_node("Squeeze", ["Y", "axis"], ["X2"])
    again = onnx.helper.make_node("GRU", ["X2", "W", "R", "B"], ["Z"], hidden_size=8)
    model.graph.node.extend([squeeze, again])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axis"))
    model.graph.output[0].name = "Z"
    result = gru_lower.quantize(model, weights_only=True)
    assert [site.action for site in result.report.sites] == ["quantised"] * 2
    assert sum(node.op_type == "DequantizeLinear" for node in result.model.graph.node) == 2
    assert result.report.verification.status == "equivalent"


def test_a_gru_in_a_body_reads_them_too() -> None:
    model = onnx.parser.parse_model("""
    <ir_version: 8, opset_import: ["": 17]> g (float[5, 2, 2] X, bool c) => (float[5, 1, 2, 1] Y)
      <float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}> {
      Y = If (c) <
        then_branch = yes () => (float[5, 1, 2, 1] A) <float[1, 3, 1] R = {0.1, 0.2, 0.3}> {
          A = GRU <hidden_size = 1> (X, W, R)
        },
        else_branch = no () => (float[5, 1, 2, 1] B) <float[1, 3, 1] R2 = {0.3, 0.1, 0.2}> {
          B = GRU <hidden_size = 1> (X, W, R2)
        }>
    }""")
    result = gru_lower.quantize(model, weights_only=True)
    assert [site.action for site in result.report.sites] == ["quantised"] * 2
    assert sum(node.op_type == "DequantizeLinear" for node in nodes_of(result.model)) == 3
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("opset", [7, 11, 13, 21])
def test_what_an_opset_takes_is_written(opset: int) -> None:
    model = gru_model(opset=opset)
    plain = gru_lower.quantize(model, weights_only=True).report.sites[0]
    assert (plain.action, plain.code) == (("quantised", None) if opset >= 13 else ("kept", "GL334"))
    foldable = gru_lower.quantize(model, weights_only=True, foldable=True)
    assert foldable.report.sites[0].action == "quantised"
    assert foldable.report.verification.status == "equivalent"
    onnx.checker.check_model(foldable.model, full_check=True)


def test_the_session_option_is_named_and_asked_for() -> None:
    result = gru_lower.quantize(gru_model(), weights_only=True)
    wanted = {"session.disable_quant_qdq": "1"}
    assert result.report.sites[0].quantisation.session_options == wanted
    assert session_options(result.model) == wanted
    assert any(
        found.code == "GL337" and "session.disable_quant_qdq" in found.message for found in result.report.diagnostics
    )
    foldable = gru_lower.quantize(gru_model(), weights_only=True, foldable=True)
    assert session_options(foldable.model) == foldable.report.sites[0].quantisation.session_options == {}
    assert not foldable.report.diagnostics
    assert session_options(gru_model()) == {}


def optimised(model: onnx.ModelProto, path: Path, **entries: str) -> list[str]:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return [node.op_type for node in onnx.load(path).graph.node]


def test_onnxruntime_folds_them_when_it_is_told_to_or_they_are_spelled_so(tmp_path: Path) -> None:
    told = gru_lower.quantize(gru_model(), weights_only=True, verify=False).model
    assert "DequantizeLinear" in optimised(told, tmp_path / "a.onnx")
    assert optimised(told, tmp_path / "b.onnx", **session_options(told)) == ["GRU"]
    spelled = gru_lower.quantize(gru_model(), weights_only=True, foldable=True, verify=False).model
    assert optimised(spelled, tmp_path / "c.onnx") == ["GRU"]


def test_streaming_sessions_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[tuple[str, str]] = []
    plain = onnxruntime.SessionOptions.add_session_config_entry

    def add(self: Any, name: str, value: str) -> None:
        entries.append((name, value))
        plain(self, name, value)

    monkeypatch.setattr(onnxruntime.SessionOptions, "add_session_config_entry", add)
    model = gru_model(T="T", outputs=("Y", ""))
    streamed = gru_lower.stream(model, verify=False).model
    small = gru_lower.quantize(streamed, weights_only=True).model
    session = gru_lower.streaming.Session(small)
    assert ("session.disable_quant_qdq", "1") in entries
    frames = cases_of(model, count=1)[0]["X"]
    name = session.description.inputs[0].name
    made = [session.push(**{name: frames[t : t + 1]}) for t in range(len(frames))]
    whole = run(model, {"X": frames})[0]
    np.testing.assert_allclose(np.concatenate([next(iter(each.values())) for each in made]), whole, atol=1e-2)


@pytest.mark.parametrize(("name", "points"), [("digits_gru", 0.003), ("g2p_encoder", 0.01)])
def test_trained_models_keep_their_accuracy(name: str, points: float) -> None:
    path = FIXTURES / f"{name}.onnx"
    inputs, expected = read(FIXTURES / f"{name}.npz", onnx.load(path))
    report = gru_lower.quantize(path, inputs=inputs, expected=expected, weights_only=True).report
    (found,) = report.verification.accuracy
    assert found.after >= found.before - points
    for site in report.sites:
        done = site.quantisation
        assert done.bytes_after <= 0.28 * done.bytes_before
        assert done.errors is not None
        assert done.errors.snr_db > 40


@pytest.mark.parametrize("form", ["scan", "unroll"])
def test_lower_keeps_the_whole_numbers(form: Any) -> None:
    small = gru_lower.quantize(gru_model(H=32, I=32), weights_only=True).model
    lowered = gru_lower.lower(small, form=form)
    assert lowered.report.verification.status == "equivalent"
    assert any(tensor.data_type == onnx.TensorProto.INT8 for tensor in lowered.model.graph.initializer)


def test_a_second_time_changes_nothing() -> None:
    small = gru_lower.quantize(gru_model(), weights_only=True).model
    again = gru_lower.quantize(small, weights_only=True)
    assert again.report.sites[0].code == "GL332"
    assert again.model == small


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weights_only": True, "static": []}, "exclude each other"),
        ({"foldable": True}, "without weights_only"),
        ({"state": "int8", "weights_only": True}, "without static"),
        ({"keep_node": True}, "without static"),
    ],
)
def test_options_that_say_nothing_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(Unsupported, match=match):
        gru_lower.quantize(gru_model(), **options)


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(gru_model(H=64, I=64), tmp_path / "a.onnx")
    assert run_command(["quantize", str(tmp_path / "a.onnx"), "--weights-only"]) == 0
    written = onnx.load(tmp_path / "a.int8.onnx")
    assert written.ByteSize() < 0.3 * (tmp_path / "a.onnx").stat().st_size
    said = " ".join(capsys.readouterr().out.split())
    assert "weights-only: int8 weights" in said
    assert "Size:" in said


@pytest.mark.parametrize("outputs", [("Y", "Y_h"), ("", "Y_h")])
@pytest.mark.parametrize("options", [{"all": True}, {"weights_only": True}])
def test_the_report_shows_sizes_and_errors_over_the_steps(outputs: tuple[str, str], options: dict[str, Any]) -> None:
    model = gru_model(H=32, I=32, T=40, outputs=outputs, linear_before_reset=1)
    report = gru_lower.quantize(model, **options).report
    done = report.sites[0].quantisation
    assert (done.weights, done.bytes_before) == ("int8", 2 * 4 * 96 * 32)
    assert 0.25 * done.bytes_before < done.bytes_after < 0.3 * done.bytes_before
    assert report.sizes is not None
    assert report.sizes["before"] == model.ByteSize()
    assert report.sizes["after"] < report.sizes["before"]
    assert done.errors.steps == 40
    assert [done.errors.by_step[place][0] for place in (0, -1)] == [1, 40]
    assert 30 < done.errors.snr_db < 70
    assert "over 40 steps" in done.describe()
