"""Lowering held to what others made: real trained models, other projects' vectors, real exports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import gru_lower
from lowering import holds_gru, lower, run

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.api.shared_options import Form

Array = np.ndarray[Any, Any]


BROKEN_AS_EXPORTED = {"paddle__gru_2layer_bidir"}
"""Exports that do not give what their framework gave: lowering keeps what they compute."""


def load_npz(path: Path) -> dict[str, Array]:
    """Read all arrays of an .npz file."""
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


@pytest.mark.parametrize("form", ["auto", "scan", "loop"])
def test_real_models_lower_and_verify(shared: Path, form: Form) -> None:
    """Every trained model with a GRU: no GRU left, equivalent as a whole, equal to what onnxruntime gave before."""
    seen = 0
    for folder in sorted((shared / "models").iterdir()):
        if not json.loads((folder / "meta.json").read_text())["n_gru"]:
            continue
        result = gru_lower.lower(folder / "model.onnx", form=form)
        assert not holds_gru(result.model), folder.name
        assert (result.report.verification.status, result.report.verification.scope) == ("equivalent", "model")
        actual = run(result.model, load_npz(folder / "inputs.npz"))
        recorded = folder / "expected.npz"
        for name, expected in load_npz(recorded if recorded.exists() else folder / "expected_ort.npz").items():
            np.testing.assert_allclose(actual[name], expected, rtol=1e-3, atol=2e-5, err_msg=f"{folder.name} {name}")
        seen += 1
    assert seen


@pytest.mark.parametrize("form", ["auto", "scan", "loop", "unroll"])
def test_other_projects_vectors(shared: Path, form: str) -> None:
    """Every GRU test case of onnxruntime, OpenVINO, WebNN and Glow that the form takes."""
    lowered_cases = 0
    for folder in sorted((shared / "suites").glob("*/*")):
        model = onnx.load(folder / "model.onnx")
        lowered, result = lower(model, f"lower-gru{{form={form}}}")
        kept = {site.code for site in result.sites if site.action == "kept"}
        assert kept <= {"GL302", "GL304"}, folder.name
        if kept:
            continue
        onnx.checker.check_model(lowered)
        actual = run(lowered, load_npz(folder / "inputs.npz"))
        for name, expected in load_npz(folder / "expected.npz").items():
            np.testing.assert_allclose(actual[name], expected, rtol=1e-4, atol=1e-5, err_msg=f"{folder.name} {name}")
        lowered_cases += 1
    assert lowered_cases > 30


@pytest.mark.parametrize("form", ["auto", "scan", "loop", "unroll"])
def test_intact_exports(shared: Path, form: str) -> None:
    """Every export that still has its GRU: lowered, it gives what the framework gave."""
    rows = [line.split("\t") for line in (shared / "exports" / "index.tsv").read_text().splitlines()[1:]]
    seen = 0
    for name, kind, *_ in rows:
        folder = shared / "exports" / name
        if kind != "intact" or name == "torch_dynamo__nngru_bf16":  # onnxruntime has no bfloat16 kernels
            continue
        lowered, result = lower(onnx.load(folder / "model.onnx"), f"lower-gru{{form={form}}}")
        if form == "unroll" and {site.code for site in result.sites} == {"GL302"}:
            continue
        assert {site.action for site in result.sites} == {"lowered"}, (name, [s.message for s in result.sites])
        tolerance = 5e-3 if "fp16" in name else 2e-5
        for io in sorted(folder.glob("io*.npz")):
            arrays = load_npz(io)
            feeds = {k[4:]: v for k, v in arrays.items() if k.startswith("in__")}
            actual = run(lowered, feeds)
            if name in BROKEN_AS_EXPORTED:
                arrays = {f"out__{key}": value for key, value in run(onnx.load(folder / "model.onnx"), feeds).items()}
            for key, expected in arrays.items():
                if key.startswith("out__"):
                    np.testing.assert_allclose(
                        actual[key[5:]], expected, rtol=0, atol=tolerance, err_msg=f"{name} {io.name} {key}"
                    )
        seen += 1
    assert seen
