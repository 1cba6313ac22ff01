"""The digits in simulators of chips: what is right in floats and whole numbers, and that the NPU takes every operator.

Each toolchain has an environment of its own: ``nox -s "chips(name='vela')"``. The first 120 images calibrate, the other
240 judge, of which the float model has 234 right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

import gru_lower

pytestmark = pytest.mark.chips

ROOT = Path(__file__).parent.parent
CALIBRATE, RIGHT = 120, 234
NEEDS = {"esp_ppq": "esp_ppq", "onnxruntime_qnn": "onnxruntime_qnn", "tflite_micro": "tflite_micro", "vela": "ethosu"}
LEAST = {
    ("esp_ppq", "float"): RIGHT,
    ("esp_ppq", "int8"): 233,
    ("esp_ppq", "int16"): RIGHT,
    ("onnxruntime_qnn", "float"): RIGHT,
    ("onnxruntime_qnn", "int8"): 233,
    ("onnxruntime_qnn", "int16"): RIGHT,
    ("tflite_micro", "float"): RIGHT,
    ("tflite_micro", "int8"): 233,
    ("tflite_micro", "int16"): RIGHT,
    ("vela", "int8"): 233,
    ("vela", "int16"): RIGHT,
}
"""How many of 240 have to be right; 233 are 97.0 %."""
WHOLLY = {"esp_ppq", "vela"}
"""Those whose NPU takes the quantised model from its input to its output."""


@pytest.mark.parametrize(("name", "precision"), LEAST)
def test_the_digits(name: str, precision: str, tmp_path: Path) -> None:
    python = os.environ.get("ENGINE_PYTHON", sys.executable)
    if python == sys.executable and util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} has an environment of its own")
    paths = {each: tmp_path / each for each in ("model.onnx", "in.npz", "out.npz", "cases.npz", "placed.json")}
    made = gru_lower.lower(ROOT / "fixtures/digits_gru.onnx", target="portable", fix_dims={"batch": 1})
    made.save(paths["model.onnx"])
    with np.load(ROOT / "fixtures/digits_gru.npz") as fixture:
        rows, right = fixture["in__rows"][:, None], fixture["out__logits"][CALIBRATE:]
    np.savez(paths["cases.npz"], rows=rows[:CALIBRATE])
    np.savez(paths["in.npz"], rows=rows[CALIBRATE:])
    before = paths["model.onnx"].read_bytes()
    command = [python, str(ROOT / f"examples/runners/run_{name}.py"), *map(str, list(paths.values())[:3])]
    options = ["--calibrate", str(paths["cases.npz"]), "--cases", "--report", str(paths["placed.json"])]
    exact = [] if precision == "float" else [f"--{precision}"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *exact, *options], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(paths["out.npz"]) as found:
        hits = int((found["logits"].reshape(len(right), -1).argmax(-1) == right).sum())
    assert hits >= LEAST[name, precision]
    placed = json.loads(paths["placed.json"].read_text(encoding="utf-8"))
    if name in WHOLLY and precision != "float":
        assert not placed["CPU"]
    if name == "onnxruntime_qnn":
        assert set(placed["CPU"]) <= {"QuantizeLinear"}  # of the model's input, which is handed in as floats
    assert paths["model.onnx"].read_bytes() == before  # onnx2tf and esp-ppq would write over it
