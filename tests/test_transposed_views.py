"""Large external matrices that a lowering wants transposed are transposed when the model is written, as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.graph import copy_plan, external_data
from gru_lower.graph.external_data import TRANSPOSED, is_external, view
from gru_lower.graph.model_tensors import tensors
from gru_lower.passes.fuse_gru.writing import weights
from gru_lower.passes.lower_gru import gate_weights

if TYPE_CHECKING:
    from pathlib import Path

T, B, I, H = 4, 2, 5, 7


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a bidirectional GRU with its weights beside it; every matrix counts as large, every block as full."""
    monkeypatch.setattr(gate_weights, "LARGE", 1)
    monkeypatch.setattr(copy_plan, "TRANSPOSED_BLOCK", 3 * H * 4)
    rng = np.random.default_rng(0)
    matrices = [
        numpy_helper.from_array(rng.uniform(-0.5, 0.5, (2, 3 * H, width)).astype(np.float32), name)
        for name, width in (("W", I), ("R", H))
    ]
    node = helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=H, direction="bidirectional")
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("X", [T, B, I]), ("Y", [T, 2, B, H]))
    ]
    graph = helper.make_graph([node], "g", values[:1], values[1:], matrices)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    return tmp_path / "m.onnx"


def output(path: Path) -> np.ndarray:
    X = np.random.default_rng(1).standard_normal((T, B, I)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"X": X})[0])


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
@pytest.mark.parametrize("words", [["--no-verify"], []])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_written_is_transposed(model: Path, form: str, words: list[str], *, elsewhere: bool) -> None:
    folder = model.parent / ("elsewhere" if elsewhere else ".")
    folder.mkdir(exist_ok=True)
    out = folder / "out.onnx"
    assert run([str(model), "-o", str(out), "--vocabulary", "minimal", "--form", form, "-q", *words]) == 0
    np.testing.assert_allclose(output(out), output(model), atol=1e-6)
    written = onnx.load(out, load_external_data=False)
    outside = [tensor for tensor in tensors(written) if is_external(tensor)]
    assert all(entry.key != TRANSPOSED for tensor in outside for entry in tensor.external_data)
    assert not words or outside
    assert all(view(tensor).location.startswith("out.onnx.") for tensor in outside)


def test_a_library_call_gives_a_model_that_needs_no_other_file(model: Path) -> None:
    result = gru_lower.lower(model, vocabulary="minimal", verify=False)
    assert all(entry.key != TRANSPOSED for tensor in tensors(result.model) for entry in tensor.external_data)
    out = model.with_name("saved.onnx")
    result.save(out)
    np.testing.assert_allclose(output(out), output(model), atol=1e-6)


def test_a_model_on_stdout_has_its_matrices_in_itself(model: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = [str(model), "-o", "-", "--vocabulary", "minimal", "--no-verify", "-q"]
    assert run(words) == 0
    made = onnx.ModelProto.FromString(capfdbinary.readouterr().out)
    assert not any(is_external(tensor) for tensor in tensors(made))


@pytest.fixture
def lowered(model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the model unrolled with transposed weights beside it."""
    monkeypatch.setattr(weights, "LARGE", 1)
    out = model.with_name("lowered.onnx")
    assert run([str(model), "-o", str(out), "--vocabulary", "minimal", "--form", "unroll", "-q", "--no-verify"]) == 0
    return out


def equal_weights(path: Path, model: Path) -> None:
    """Assert that GRUs, one for each direction or one for both, have the weights that a model had."""
    made = onnx.load(path)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    grus = [node for node in made.graph.node if node.op_type == "GRU"]
    for key, tensor in zip("WR", onnx.load(model).graph.initializer, strict=True):
        place = "XWR".index(key)
        parts = [held[node.input[place]] for node in grus]
        np.testing.assert_array_equal(np.concatenate(parts), numpy_helper.to_array(tensor))


@pytest.mark.parametrize("words", [["--no-verify"], []])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_fused_gates_are_transposed_and_joined_as_they_are_written(
    lowered: Path, model: Path, words: list[str], *, elsewhere: bool
) -> None:
    folder = lowered.parent / ("elsewhere" if elsewhere else ".")
    folder.mkdir(exist_ok=True)
    out = folder / "fused.onnx"
    assert run(["fuse", str(lowered), "-o", str(out), "-q", *words, "--passes", "fuse-gru"]) == 0
    outside = [tensor for tensor in tensors(onnx.load(out, load_external_data=False)) if is_external(tensor)]
    assert len(outside) == (4 if words else 0)  # W and R of each direction; those that ran are in the model
    assert all(entry.key != TRANSPOSED for tensor in outside for entry in tensor.external_data)
    equal_weights(out, model)
    np.testing.assert_allclose(output(out), output(model), atol=1e-6)


def test_fused_gates_are_joined_for_a_library_call_and_on_stdout(
    lowered: Path, model: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    result = gru_lower.fuse(lowered, verify=False)
    assert all(entry.key != TRANSPOSED for tensor in tensors(result.model) for entry in tensor.external_data)
    result.save(lowered.with_name("saved.onnx"))
    equal_weights(lowered.with_name("saved.onnx"), model)
    assert run(["fuse", str(lowered), "-o", "-", "--no-verify", "-q"]) == 0
    made = onnx.ModelProto.FromString(capfdbinary.readouterr().out)
    assert not any(is_external(tensor) for tensor in tensors(made))
    onnx.save(made, lowered.with_name("stdout.onnx"))
    equal_weights(lowered.with_name("stdout.onnx"), model)


@pytest.mark.parametrize("options", ["", "{vocabulary=minimal}", "{form=unroll}"])
def test_fused_gates_can_be_lowered_again_before_they_are_written(lowered: Path, model: Path, options: str) -> None:
    out = lowered.with_name("again.onnx")
    assert run([str(lowered), "-o", str(out), "--passes", f"fuse-gru,lower-gru{options}", "--no-verify", "-q"]) == 0
    assert not any(node.op_type == "GRU" for node in onnx.load(out).graph.node)
    np.testing.assert_allclose(output(out), output(model), atol=1e-6)


@pytest.mark.parametrize("command", ["lower", "fuse"])
def test_above_what_a_message_holds_all_is_written_and_the_verdict_says_why_nothing_ran(
    command: str, lowered: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended with exit code 2 or 3, having read gigabytes, and wrote nothing."""
    monkeypatch.setattr(external_data, "_TOO_LARGE", 1)
    out = model.with_name("out.onnx")
    options = ["--vocabulary", "minimal"] if command == "lower" else ["--passes", "fuse-gru"]
    assert run([command, str(model if command == "lower" else lowered), "-o", str(out), *options]) == 0
    said = capsys.readouterr()
    assert "inconclusive" in said.out
    assert "above 2 GiB" in said.out + said.err
    assert any(is_external(tensor) for tensor in tensors(onnx.load(out, load_external_data=False)))
    np.testing.assert_allclose(output(out), output(model), atol=1e-6)
