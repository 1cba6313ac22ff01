"""The README's fixture for every target there is: one command, no refusal, the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.targets import read_profile
from lowering import run
from strategies import WEIGHTS, random_case

OPSET = 17
FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    with np.load(FIXTURE.with_suffix(".npz")) as arrays:
        return np.asarray(arrays["in__rows"][:1])


@pytest.fixture(scope="module")
def logits(rows: np.ndarray) -> np.ndarray:
    return run(onnx.load(FIXTURE), {"rows": rows})["logits"]


@pytest.mark.parametrize("target", read_profile.names())
def test_the_fixture_lowers_in_one_command(
    target: str, rows: np.ndarray, logits: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    newest = read_profile.load(target).opset[1]
    older = ["--opset", str(newest)] if newest < OPSET else []
    options = ["--target", target, *older, "--fix-dim", "batch=1", "--no-verify", "-o", str(out)]
    assert command(["lower", str(FIXTURE), *options]) == 0, capsys.readouterr().err
    np.testing.assert_allclose(run(onnx.load(out), {"rows": rows})["logits"], logits, atol=1e-4)


@pytest.mark.parametrize(
    ("knobs", "named"),
    [
        ({"direction": "reverse"}, "reverse"),
        ({"clip": 0.3}, "clip"),
        ({"activations": ["Sigmoid", "Relu"]}, "Relu as g"),
    ],
)
def test_what_a_circuit_would_drop_is_named(knobs: dict[str, object], named: str) -> None:
    """Ezkl reads neither direction nor clip nor activations, and says nothing."""
    plain = {"direction": None, "clip": None, "activations": None, "layout": None, "sequence_lens": None}
    case = random_case(
        np.random.default_rng(1), opset=17, dtype=np.float32, static=True, T=3, outputs=("Y", "Y_h"),
        constants=WEIGHTS, linear_before_reset=1, **(plain | knobs),
    )  # fmt: skip
    found = gru_lower.check(case.model(), target="ezkl").diagnostics
    assert any(each.code == "GL701" and f"{named} is wrong on ezkl" in each.message for each in found)
