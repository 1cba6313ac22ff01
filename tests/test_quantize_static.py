"""QuantizeLinear and DequantizeLinear with scales from the operator's mathematics and from calibration inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from jsonschema import Draft202012Validator
from onnx import numpy_helper

import gru_lower
from gru_lower.cli.main import run as run_command
from gru_lower.errors import GruLowerError
from int8_models import cases_of, gru_model, nodes_of

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
SCHEMA = Draft202012Validator(json.loads((ROOT / "gru_lower/schema/report-1.json").read_text(encoding="utf-8")))
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lbr": {"linear_before_reset": 1},
    "no bias": {"bias": False, "linear_before_reset": 1},
    "both directions": {"direction": "bidirectional", "linear_before_reset": 1},
    "reverse": {"direction": "reverse"},
    "lengths": {"lens": True, "linear_before_reset": 1},
    "lengths backwards": {"lens": True, "direction": "bidirectional"},
    "a state": {"initial": True, "linear_before_reset": 1},
    "a clip": {"clip": 0.5},
    "the last state alone": {"outputs": ("", "Y_h")},
    "other functions": {"activations": ["HardSigmoid", "Softsign"], "linear_before_reset": 1},
    "a rectifier": {"activations": ["Sigmoid", "Relu"]},
}


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    return list(onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds))


def constants(model: onnx.ModelProto) -> dict[str, Any]:
    bodies = [attribute.g for node in nodes_of(model) for attribute in node.attribute if attribute.g.node]
    return {t.name: numpy_helper.to_array(t) for graph in (model.graph, *bodies) for t in graph.initializer}


# Each kind in three of the six ways; over all kinds, each way comes as often.
WAYS = [
    (kind, *way)
    for place, kind in enumerate(KINDS)
    for way in [(form, state) for form in ("scan", "loop", "unroll") for state in ("float", "int8")][place % 2 :: 2]
]


@pytest.mark.parametrize(("kind", "form", "state"), WAYS)
def test_every_kind_is_quantised_and_near(kind: str, form: Any, state: Any) -> None:
    model = gru_model(**KINDS[kind])
    cases = cases_of(model)
    result = gru_lower.quantize(model, static=cases, state=state, form=form)
    assert [(site.action, site.form) for site in result.report.sites] == [("quantised", form)]
    onnx.checker.check_model(result.model, full_check=True)
    for case in cases:
        for before, after in zip(run(model, case), run(result.model, case), strict=True):
            assert np.sqrt(np.mean((before - after) ** 2)) <= (0.03 if state == "float" else 0.06) * np.sqrt(
                np.mean(before**2)
            )
    assert result.report.verification.status == "equivalent"
    SCHEMA.validate(result.report.to_dict())


@pytest.mark.parametrize("activations", ["uint8", "int8", "int16"])
@pytest.mark.parametrize("form", ["scan", "unroll"])
def test_gates_and_states_have_exact_scales(activations: Any, form: Any) -> None:
    model = gru_model(T=9, linear_before_reset=1, opset=21)
    report = gru_lower.quantize(model, static=cases_of(model, T=9), activations=activations, form=form).report
    scales = report.sites[0].quantisation.scales
    least, most = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}[activations]
    for name, ends in {"Zt": (0, 1), "Rt": (0, 1), "ht": (-1, 1), "state": (-1, 1)}.items():
        found = scales[name]
        for end in ends:
            whole = end / found["scale"] + found["zero_point"]
            assert least <= round(whole) <= most, (name, end, found)
            assert whole == pytest.approx(round(whole), abs=1e-3), (name, end, found)
    assert {"X", "pre_z", "pre_r", "pre_h", "recurrent_h"} <= scales.keys()


def test_all_steps_share_a_scale_and_one_weight() -> None:
    model = gru_model(T=7, linear_before_reset=1)
    small = gru_lower.quantize(model, static=cases_of(model, T=7), form="unroll").model
    tensors = constants(small)
    eights = {name: array for name, array in tensors.items() if array.dtype == np.int8 and array.ndim == 2}
    assert len(eights) == 6  # Wz to Rh, once each
    readers: dict[str, set[tuple[str, ...]]] = {}
    for node in small.graph.node:
        if node.op_type == "QuantizeLinear":
            local = node.input[0].rsplit("/", 1)[-1]
            readers.setdefault(local, set()).add(tuple(node.input[1:]))
    assert sum(node.op_type == "Sigmoid" for node in small.graph.node) > 10
    for name in ("Zt", "Rt", "ht", "pre_z"):
        assert len(readers[name]) == 1, readers[name]


def test_what_is_calibrated_covers_all_steps() -> None:
    """A range of the first step alone would cut off what comes later."""
    model = gru_model(T=20, linear_before_reset=1)
    case = cases_of(model, count=1, T=20)[0]
    case["X"][:10] *= 0.01
    scales = gru_lower.quantize(model, static=[case]).report.sites[0].quantisation.scales
    assert scales["X"]["scale"] * 255 == pytest.approx(np.ptp(case["X"]), rel=0.02)


def test_what_lies_past_a_length_is_not_calibrated() -> None:
    model = gru_model(lens=True)
    case = cases_of(model, count=1)[0]
    case["lens"][:] = 3
    calm = {**case, "X": case["X"].copy()}
    case["X"][3:] = 1e6
    both = [gru_lower.quantize(model, static=[each], verify=False).model for each in (case, calm)]
    assert both[0] == both[1]


def test_an_initial_state_beyond_one_is_inside() -> None:
    model = gru_model(initial=True)
    cases = cases_of(model)
    cases[0]["h0"][:] = 3.0
    result = gru_lower.quantize(model, static=cases)
    found = result.report.sites[0].quantisation.scales["state"]
    assert (255 - found["zero_point"]) * found["scale"] >= 3.0 - 1e-4
    assert result.report.verification.status == "equivalent"


def test_products_are_whole_numbers_in_onnxruntime(tmp_path: Path) -> None:
    model = gru_model(H=32, I=16, T=5, linear_before_reset=1)
    small = gru_lower.quantize(model, static=cases_of(model, T=5), form="unroll", verify=False).model
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(small.SerializeToString(), options)
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert {"QGemm", "MatMulIntegerToFloat", "QLinearSigmoid"} <= set(kinds)
    assert not {"MatMul", "Gemm"} & set(kinds)


def test_weights_keep_to_seven_bits_unless_told() -> None:
    model = gru_model()
    cases = cases_of(model)
    for options, most in (({}, 64), ({"reduce_range": False}, 127), ({"activations": "int16", "opset": 21}, 127)):
        given: dict[str, Any] = options
        small = gru_lower.quantize(model, static=cases, **given).model
        found = [array for array in constants(small).values() if array.dtype == np.int8 and array.ndim == 2]
        assert max(int(np.abs(array).max()) for array in found) == most


def test_int16_takes_a_new_opset_or_onnxruntimes_own_operators() -> None:
    model = gru_model()
    cases = cases_of(model)
    kept = gru_lower.quantize(model, static=cases, activations="int16").report.sites[0]
    assert (kept.action, kept.code) == ("kept", "GL334")
    for options in ({"opset": 21}, {"dialect": "ort"}):
        given: dict[str, Any] = options
        result = gru_lower.quantize(model, static=cases, activations="int16", **given)
        onnx.checker.check_model(result.model, full_check=True)
        assert result.report.verification.status == "equivalent"
        assert result.report.sites[0].quantisation.errors.snr_db > 45


def test_the_drift_of_a_state_in_eight_bits_is_shown() -> None:
    model = gru_model(H=16, T=60, linear_before_reset=1)
    cases = cases_of(model, T=60)
    errors = {
        state: gru_lower.quantize(model, static=cases, state=state, form="scan").report.sites[0].quantisation.errors
        for state in ("float", "int8")
    }
    assert errors["int8"].steps == errors["float"].steps == 60
    assert [step for step, _ in errors["int8"].by_step][:: len(errors["int8"].by_step) - 1] == [1, 60]
    assert errors["int8"].snr_db < errors["float"].snr_db


TRAINED: list[tuple[str, float, dict[str, Any]]] = [
    *(("digits_gru", 0.003, options) for options in ({}, {"form": "scan"}, {"state": "int8"}, {"activations": "int8"})),
    ("digits_gru", 0.003, {"weights": "uint8"}),
    *(("g2p_encoder", 0.01, options) for options in ({}, {"state": "int8"})),
]


@pytest.mark.parametrize(("name", "points", "options"), TRAINED)
def test_trained_models_keep_their_accuracy(name: str, points: float, options: dict[str, Any]) -> None:
    result = gru_lower.quantize(FIXTURES / f"{name}.onnx", static=FIXTURES / f"{name}.npz", all=True, **options)
    (found,) = result.report.verification.accuracy
    assert found.after >= found.before - points - 1e-12
    assert all(site.action == "quantised" for site in result.report.sites)
    assert not [node for node in result.model.graph.node if node.op_type == "GRU"]


def test_a_kept_node_stands_between_quantisers() -> None:
    model = gru_model(linear_before_reset=1, initial=True, outputs=("Y", ""))
    result = gru_lower.quantize(model, static=cases_of(model), keep_node=True)
    assert result.report.verification.status == "equivalent"
    made = {name: node for node in result.model.graph.node for name in node.output}
    (gru,) = [node for node in result.model.graph.node if node.op_type == "GRU"]
    tensors = constants(result.model)
    for position in (0, 1, 2, 3, 5):
        node = made[gru.input[position]]
        assert node.op_type == "DequantizeLinear"
        assert tensors[node.input[2]].dtype == (np.int32 if position == 3 else np.uint8)
    for name in gru.output:
        assert [node.op_type for node in result.model.graph.node if name in node.input] == ["QuantizeLinear"]
    assert len(gru.output) == 2


@pytest.mark.parametrize(
    "kind",
    [
        {"linear_before_reset": 0},
        {"direction": "reverse"},
        {"lens": True},
        {"clip": 1.0},
        {"activations": ["Relu", "Tanh"]},
    ],
)
def test_nodes_that_no_runtime_takes_are_not_kept(kind: dict[str, Any]) -> None:
    model = gru_model(**{"linear_before_reset": 1, **kind})
    site = gru_lower.quantize(model, static=cases_of(model), keep_node=True).report.sites[0]
    assert (site.action, site.code) == ("kept", "GL338")


@pytest.mark.parametrize(
    "given",
    [
        "missing.npz",
        "other.npz",
        "text.npz",
        "empty.npz",
    ],
)
def test_wrong_calibration_files_are_one_line(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(gru_model(), tmp_path / "a.onnx")
    np.savez(tmp_path / "other.npz", Z=np.ones(3))
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "empty.npz")
    assert run_command(["quantize", str(tmp_path / "a.onnx"), "--static", str(tmp_path / given)]) == 2
    said = capsys.readouterr().err.strip().split("\n")
    assert said[0].startswith("error GL")
    assert len(said) == 2
    assert not (tmp_path / "a.int8.onnx").exists()


@pytest.mark.parametrize("cases", [[], [{}], [{"X": np.ones((6, 3, 5)), "more": np.ones(2)}], [{"X": np.ones(3)}]])
def test_calibration_inputs_that_do_not_fit_are_refused(cases: list[dict[str, Any]]) -> None:
    with pytest.raises(GruLowerError):
        gru_lower.quantize(gru_model(), static=cases)


def test_a_gru_in_a_body_is_kept() -> None:
    model = onnx.parser.parse_model("""
    <ir_version: 8, opset_import: ["": 17]> g (float[5, 2, 2] X, bool c) => (float[5, 1, 2, 1] Y)
      <float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}> {
      Z = GRU <hidden_size = 1> (X, W, R)
      Y = If (c) <
        then_branch = yes () => (float[5, 1, 2, 1] A) { A = GRU <hidden_size = 1> (X, W, R) },
        else_branch = no () => (float[5, 1, 2, 1] B) { B = Identity (Z) }>
    }""")
    case = {"X": np.ones((5, 2, 2), np.float32), "c": np.array([False]).reshape(())}
    sites = gru_lower.quantize(model, static=[case]).report.sites
    assert min((site.scope, site.action, site.code) for site in sites) == ("main", "quantised", None)
    assert [site.code for site in sites if site.scope != "main"] == ["GL335"]


def test_a_layout_that_onnxruntime_does_not_run_is_calibrated_all_the_same() -> None:
    model = gru_model(layout=1, linear_before_reset=1)
    cases = cases_of(model)
    result = gru_lower.quantize(model, static=cases)
    assert result.report.sites[0].action == "quantised"
    twin = gru_model(linear_before_reset=1)
    expected = run(twin, {"X": cases[0]["X"].swapaxes(0, 1)})[0]
    found = run(result.model, cases[0])[0].transpose(1, 2, 0, 3)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_numbers_that_are_none_are_no_range() -> None:
    model = gru_model()
    nothing = [{"X": np.full((6, 2, 5), np.nan, np.float32)}]
    with pytest.raises(GruLowerError, match="finite numbers of the calibration inputs"):
        gru_lower.quantize(model, static=nothing, verify=False)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((1, 24, 5), np.inf, np.float32), "W"))
    site = gru_lower.quantize(model, static=cases_of(model), verify=False).report.sites[0]
    assert (site.action, site.code) == ("kept", "GL333")


def test_the_verdict_says_what_it_was_judged_on() -> None:
    model = gru_model()
    cases = cases_of(model)
    said = {
        "calibration": gru_lower.quantize(model, static=cases).report.verification,
        "given": gru_lower.quantize(model, static=cases, inputs=cases[:1]).report.verification,
        "generated": gru_lower.quantize(model, weights_only=True).report.verification,
    }
    for kind, found in said.items():
        assert f"{kind} inputs" in found.message
        assert [each.output for each in found.fidelity] == ["Y", "Y_h"]


def test_with_a_state_in_eight_bits_nothing_but_what_is_around_is_computed_in_floats() -> None:
    model = gru_model(linear_before_reset=1, initial=True)
    small = gru_lower.quantize(model, static=cases_of(model), state="int8", form="unroll").model
    made = {name: node.op_type for node in small.graph.node for name in node.output}
    readers: dict[str, list[str]] = {}
    for node in small.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    for node in small.graph.node:
        if node.op_type in ("MatMul", "Gemm", "Add", "Sub", "Mul", "Sigmoid", "Tanh", "Slice", "Gather"):
            first = [name for name in node.input if name in made][:2]
            if node.op_type in ("Slice", "Gather") and made[first[0]] != "DequantizeLinear":
                continue  # X and the first state, as they come in
            assert all(made[name] == "DequantizeLinear" for name in first), node
            assert all(set(readers[name]) == {"QuantizeLinear"} for name in node.output), node
