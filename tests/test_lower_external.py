"""Lowering a model whose weights lie beside it: views, not copies; nothing read or written that need not be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.graph import external_data, model_tensors, tensor_values
from gru_lower.graph.write_model import save

if TYPE_CHECKING:
    from pathlib import Path

T, B, I, H = 6, 2, 12, 16
DATA = "weights.bin"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A bidirectional GRU and a MatMul after it, every weight in one external file with a gap in front."""
    rng = np.random.default_rng(0)
    shapes = {"W": (2, 3 * H, I), "R": (2, 3 * H, H), "B": (2, 6 * H), "M": (H, 4), "unused": (64, 64)}
    graph = helper.make_graph(
        [
            helper.make_node("GRU", list("XWRB"), ["Y"], name="gru", hidden_size=H, direction="bidirectional"),
            helper.make_node("MatMul", ["Y", "M"], ["Z"]),
        ],
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "B", I])],
        [helper.make_tensor_value_info("Z", TensorProto.FLOAT, ["T", 2, "B", 4])],
        [numpy_helper.from_array(rng.uniform(-0.3, 0.3, s).astype(np.float32), n) for n, s in shapes.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder = tmp_path / "source"
    folder.mkdir()
    path = folder / "model.onnx"
    onnx.save(made, path, save_as_external_data=True, location=DATA, size_threshold=0)
    return path


def outputs(path: Path) -> np.ndarray[Any, Any]:
    """Run a model file on fixed inputs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).standard_normal((T, B, I)).astype(np.float32)
    return np.asarray(session.run(None, {"X": x})[0])


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_beside_its_data_nothing_is_copied(model: Path, form: str) -> None:
    """The new model's weights are ranges of the file that is there, also those inside a body."""
    data = model.parent / DATA
    before = data.stat().st_mtime_ns, data.read_bytes()
    assert command([str(model), "--form", form, "-q"]) == 0
    assert (data.stat().st_mtime_ns, data.read_bytes()) == before
    target = model.with_name("model.lowered.onnx")
    lowered = onnx.load(target, load_external_data=False)
    views = [t for t in model_tensors.tensors(lowered) if external_data.is_external(t)]
    assert {external_data.view(t).location for t in views} == {DATA}
    assert len(views) == 2 * 6 + 2  # per direction Wz Wr Wh Rz Rr Rh; M and the one nobody uses
    assert target.stat().st_size < 12_000
    assert sorted(p.name for p in model.parent.iterdir()) == ["model.lowered.onnx", "model.onnx", DATA]
    onnx.checker.check_model(str(target))
    np.testing.assert_allclose(outputs(target), outputs(model), atol=2e-6)


def test_in_another_folder_the_ranges_come_along(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    assert command([str(model), "-o", str(folder / "out.onnx"), "-q", "--form", "scan"]) == 0
    (copy,) = (each for each in folder.iterdir() if each.name != "out.onnx")
    assert copy.is_file()
    assert not copy.is_symlink()
    assert copy.stat().st_nlink == 1
    np.testing.assert_allclose(outputs(folder / "out.onnx"), outputs(model), atol=2e-6)


@pytest.mark.parametrize("words", [(), ("--overwrite",)])
def test_another_file_by_the_name_of_the_data_is_left_alone(
    model: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / DATA).write_bytes(b"precious")
    assert command([str(model), "-o", str(folder / "out.onnx"), "-q", *words]) == 0
    assert (folder / DATA).read_bytes() == b"precious"
    np.testing.assert_allclose(outputs(folder / "out.onnx"), outputs(model), atol=2e-6)


@pytest.mark.parametrize(("damage", "words"), [("missing", "is missing"), ("short", "too short")])
def test_data_that_is_not_there(model: Path, damage: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = model.parent / DATA
    if damage == "missing":
        data.unlink()
    else:
        os.truncate(data, 100)
    assert command([str(model), "-q", "--no-verify"]) == 2
    said = capsys.readouterr().err
    assert "GL006" in said
    assert words in said
    assert not model.with_name("model.lowered.onnx").exists()


def test_in_memory_the_views_stay_valid_beside_the_data(model: Path) -> None:
    """A library caller gets a ModelProto whose locations are relative to the input's folder, and can save it there."""
    result = gru_lower.lower(model, form="scan")
    assert result.report.verification.status == "equivalent"
    target = model.with_name("again.onnx")
    save(result.held, target)
    np.testing.assert_allclose(outputs(target), outputs(model), atol=2e-6)


def test_only_biases_are_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without verification, the weights' bytes are never opened."""
    read: list[str] = []
    original = tensor_values.to_array

    def spy(tensor: TensorProto, base_dir: Path | None) -> object:
        read.append(str(list(tensor.dims)))
        return original(tensor, base_dir)

    monkeypatch.setattr(tensor_values, "to_array", spy)
    gru_lower.lower(model, form="scan", verify=False)
    assert set(read) == {str([2, 6 * H])}
