"""The runner by its own command, as ``gru-lower probe`` and users call it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import onnx

from tests_live.engine import PYTHON
from tests_live.grid import Cell
from tests_live.rewriting import followed

if TYPE_CHECKING:
    from pathlib import Path

    from tests_live.engine import Engine
    from tests_live.engines import Kind


def command(engine: Engine, model: Path, inputs: Path, outputs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, str(engine.script), str(model), str(inputs), str(outputs)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_model_that_runs(engine: Engine, kind: Kind, tmp_path: Path) -> None:
    case = Cell("plain", {}).case()
    onnx.save(followed("lower", case.model(), kind.target, {}).model, tmp_path / "model.onnx")
    np.savez(tmp_path / "inputs.npz", **case.feeds())  # type: ignore[arg-type]
    done = command(engine, tmp_path / "model.onnx", tmp_path / "inputs.npz", tmp_path / "outputs.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "outputs.npz") as outputs:
        for name, wanted in case.expected().items():
            assert outputs[name].dtype == np.float32
            np.testing.assert_allclose(outputs[name], wanted, atol=max(1e-5, engine.tolerance))


def test_a_model_that_is_rejected(engine: Engine, tmp_path: Path) -> None:
    case = Cell("plain", {}).case()
    model = case.model()
    model.graph.node[0].op_type = "NoSuchOperator"
    model.graph.node[0].domain = "no.such.domain"
    model.opset_import.add(domain="no.such.domain", version=1)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    np.savez(tmp_path / "inputs.npz", **case.feeds())  # type: ignore[arg-type]
    done = command(engine, tmp_path / "model.onnx", tmp_path / "inputs.npz", tmp_path / "outputs.npz")
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "outputs.npz").exists()
