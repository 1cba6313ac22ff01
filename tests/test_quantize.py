"""GRUs that compute with weights in whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.inliner import inline_local_functions

import gru_lower
from gru_lower.errors import Unsupported
from gru_lower.verification.inputs.given_files import read

FIXTURES = Path(__file__).parent.parent / "fixtures"


def accuracy_of(name: str, **options: Any) -> tuple[float, float, Any]:
    """Return the accuracy of a fixture before and after, and the result."""
    path = FIXTURES / f"{name}.onnx"
    inputs, expected = read(FIXTURES / f"{name}.npz", onnx.load(path))
    result = gru_lower.quantize(path, inputs=inputs, expected=expected, all=True, **options)
    (found,) = result.report.verification.accuracy
    assert all(site.action == "quantised" for site in result.report.sites)
    assert not [node for node in result.model.graph.node if node.op_type == "GRU"]
    return found.before, found.after, result


@pytest.mark.parametrize("form", ["auto", "loop"])
@pytest.mark.parametrize(("name", "points"), [("digits_gru", 0.003), ("g2p_encoder", 0.01)])
def test_trained_models_keep_their_accuracy(name: str, points: float, form: str) -> None:
    before, after, result = accuracy_of(name, form=form)
    assert after >= before - points - 1e-12
    assert all(output.snr_db > 30 for output in result.report.verification.fidelity)


def test_a_model_without_a_gru_is_refused() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2, 3] X) => (float[2, 3] Y) { Y = Tanh (X) }'
    )
    with pytest.raises(Unsupported, match="no GRU node") as caught:
        gru_lower.quantize(model)
    assert caught.value.code == "GL324"


def test_weights_are_a_quarter_of_their_size() -> None:
    rng = np.random.default_rng(0)
    helper = onnx.helper
    values = {name: rng.standard_normal((1, 768, 256)).astype(np.float32) for name in "WR"}
    node = helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=256)
    info = helper.make_tensor_value_info
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph([node], "g", [info("X", 1, ["T", "B", 256])], [info("Y", 1, None)], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    small = gru_lower.quantize(model, all=True).model
    assert small.ByteSize() <= 0.27 * model.ByteSize()


@pytest.mark.parametrize("name", ["digits_gru", "g2p_encoder"])
def test_what_is_written_is_understood(name: str, tmp_path: Path) -> None:
    written = tmp_path / "small.onnx"
    result = gru_lower.quantize(FIXTURES / f"{name}.onnx", all=True, verify=False)
    onnx.save(result.model, written)
    assert {site.action for site in gru_lower.inspect(written).sites} <= {"seen"}
    assert {found.code for found in gru_lower.check(written).diagnostics} <= {"GL315"}
    assert {site.action for site in gru_lower.fuse(written, verify=False).report.sites} <= {"seen"}
    found = gru_lower.verify(FIXTURES / f"{name}.onnx", written, search=0)
    assert found.status == "equivalent"
    assert found.fidelity
    assert found.least_atol is None
    assert "no tolerance" in found.message


def test_operators_of_onnxruntime_do_the_same() -> None:
    before, after, result = accuracy_of("digits_gru", dialect="ort")
    assert after >= before - 0.003 - 1e-12
    domains = {node.op_type: node.domain for node in result.model.graph.node}
    assert domains["DynamicQuantizeMatMul"] == "com.microsoft"
    assert {entry.domain for entry in result.model.opset_import} == {"", "com.microsoft"}


@pytest.mark.parametrize("options", [{"dialect": "ort"}, {"opset": 21}])
def test_four_bits_are_an_eighth_and_keep_trained_models_near(options: dict[str, Any]) -> None:
    before, after, result = accuracy_of("g2p_encoder", weights="int4", **options)
    assert after >= before - 0.03
    assert result.report.verification.fidelity[0].snr_db > 15
    assert result.model.ByteSize() < 0.25 * (FIXTURES / "g2p_encoder.onnx").stat().st_size


def test_four_bits_need_an_opset_or_a_dialect() -> None:
    with pytest.raises(Unsupported, match="need opset 21") as caught:
        gru_lower.quantize(FIXTURES / "digits_gru.onnx", weights="int4", all=True)
    assert caught.value.code == "GL326"
    assert 'dialect="ort"' in (caught.value.hint or "")
    with pytest.raises(Unsupported):
        gru_lower.quantize(FIXTURES / "digits_gru.onnx", weights="int4", weights_only=True)


def test_a_browser_gets_weights_only() -> None:
    result = gru_lower.quantize(FIXTURES / "digits_gru.onnx", engine="wasm")
    assert [node.op_type for node in result.model.graph.node].count("GRU") == 1
    assert "MatMulInteger" not in {node.op_type for node in result.model.graph.node}
    assert result.report.verification.status == "equivalent"


def test_weights_that_are_not_finite_are_kept() -> None:
    model = onnx.load(FIXTURES / "digits_gru.onnx")
    node = next(node for node in model.graph.node if node.op_type == "GRU")
    for tensor in model.graph.initializer:
        if tensor.name == node.input[2]:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values[0, 0, 0] = np.nan
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    (site,) = gru_lower.quantize(model, all=True, verify=False).report.sites
    assert (site.action, site.code) == ("kept", "GL333")


def test_all_is_not_done_where_a_gru_is_kept(tmp_path: Path) -> None:
    from gru_lower.cli.main import run

    model = tmp_path / "old.onnx"
    onnx.save(onnx.parser.parse_model(OLD), model)
    words = ["quantize", str(model), "--no-verify", "--overwrite", "-q"]
    assert run(words) == 0
    assert run([*words, "--all"]) == 1


OLD = """<ir_version: 8, opset_import: ["": 10]>
g (float[5, N, 2] X) => (float[5, 1, N, 1] Y) <float[1, 3, 2] W = {1, 2, 3, 4, 5, 6}, float[1, 3, 1] R = {1, 2, 3}> {
  Y = GRU <hidden_size = 1> (X, W, R)
}"""


@pytest.mark.parametrize(
    ("options", "code"), [({}, "GL323"), ({"weights_only": True}, "GL323"), ({"static": []}, "GL335")]
)
def test_a_function_is_quantised_once_it_is_in_the_graph(options: dict[str, Any], code: str) -> None:
    text = """<ir_version: 10, opset_import: ["": 17, "my": 1]> g (float[5, 1, 2] X) => (float[5, 1, 1, 1] Y)
    <float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}> { Y = my.layer (X, W, R) }
    <domain: "my", opset_import: ["": 17]> layer (A, V, Q) => (B) { B = GRU <hidden_size = 1> (A, V, Q) }"""
    model = onnx.parser.parse_model(text)
    if "static" in options:
        options = {"static": [{"X": np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 1, 2)}]}
    (site,) = gru_lower.quantize(model, all=True, verify=False, **options).report.sites
    assert (site.action, site.code) == ("kept", code)
    assert "function" in site.message
    result = gru_lower.quantize(inline_local_functions(model), all=True, **options)
    assert [each.action for each in result.report.sites] == ["quantised"]
    assert result.report.verification.status == "equivalent"
