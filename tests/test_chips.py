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
from typing import Any

import numpy as np
import pytest

import gru_lower
from document_blocks import SHELL, blocks, command_folder, run_line

pytestmark = pytest.mark.chips

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "chips.md"
CALIBRATE, RIGHT, RIGHT_WORDS = 120, 234, 264
NEEDS = {
    "esp_ppq": "esp_ppq",
    "onnxruntime_qnn": "onnxruntime_qnn",
    "rknn": "rknn",
    "tflite_micro": "tflite_micro",
    "tpu_mlir": "tpu_mlir",
    "vela": "ethosu",
}
LEAST = {
    ("esp_ppq", "float"): RIGHT,
    ("esp_ppq", "int8"): 233,
    ("esp_ppq", "int16"): RIGHT,
    ("onnxruntime_qnn", "float"): RIGHT,
    ("onnxruntime_qnn", "int8"): 233,
    ("onnxruntime_qnn", "int16"): RIGHT,
    ("rknn", "float"): RIGHT,
    ("rknn", "int8"): 233,
    ("rknn", "int16"): RIGHT,
    ("tflite_micro", "float"): RIGHT,
    ("tflite_micro", "int8"): 233,
    ("tflite_micro", "int16"): RIGHT,
    ("tpu_mlir", "float"): RIGHT,
    ("tpu_mlir", "int8"): 233,
    ("vela", "int8"): 233,
    ("vela", "int16"): RIGHT,
}
"""How many of 240 have to be right; 233 are 97.0 %."""
WHOLLY = {"esp_ppq", "tpu_mlir", "vela"}
"""Those whose NPU takes the quantised model from its input to its output."""


AT_ONCE = {"tpu_mlir": 24}
"""How many images are one case, where the simulator takes seconds for a case of any size; elsewhere one."""


def interpreter(name: str) -> str:
    """Return the interpreter that a toolchain is installed for."""
    python = os.environ.get("ENGINE_PYTHON", sys.executable)
    if python == sys.executable and util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} has an environment of its own")
    return python


@pytest.mark.parametrize("name", NEEDS)
def test_the_page(name: str, tmp_path: Path) -> None:
    """What docs/chips.md says of a chip runs as it stands there, and is as right as it says."""
    python = interpreter(name)
    text = PAGE.read_text(encoding="utf-8")
    intro, section = text.partition("\n## ")[0], text.partition(f"\n## `{name}`")[2].partition("\n## ")[0]
    for folder in ("fixtures", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    commands = command_folder(tmp_path)
    (commands / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n', encoding="utf-8")
    env = os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    followed = 0
    for block in (*blocks(intro), *blocks(section)):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.kind in SHELL:
            for line in block.text.splitlines():
                run_line(line, tmp_path, env)
                followed += "right.py" in line
    assert followed


def quantised(
    name: str, precision: str, made: Any, calibrating: dict[str, Any], judged: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run what was lowered in a toolchain; return the outputs of each case, and where operators run."""
    python = interpreter(name)
    paths = {each: folder / each for each in ("model.onnx", "in.npz", "out.npz", "cases.npz", "placed.json")}
    made.save(paths["model.onnx"])
    np.savez(paths["cases.npz"], **calibrating)
    np.savez(paths["in.npz"], **judged)
    before = paths["model.onnx"].read_bytes()
    command = [python, str(ROOT / f"examples/runners/run_{name}.py"), *map(str, list(paths.values())[:3])]
    options = ["--calibrate", str(paths["cases.npz"]), "--cases", "--report", str(paths["placed.json"])]
    exact = [] if precision == "float" else [f"--{precision}"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    here = folder / "here"
    here.mkdir()
    done = subprocess.run([*command, *exact, *options], capture_output=True, text=True, check=False, env=env, cwd=here)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(here.iterdir())  # several leave files where they stand
    assert paths["model.onnx"].read_bytes() == before  # onnx2tf and esp-ppq would write over it
    with np.load(paths["out.npz"]) as found:
        return dict(found), json.loads(paths["placed.json"].read_text(encoding="utf-8"))


def hits(logits: Any, right: Any) -> int:
    return int((logits.reshape(len(right), -1).argmax(-1) == right).sum())


def digits(at_once: int) -> tuple[Any, Any]:
    """Return the images, [cases, at_once, T, I], and the answers to those that judge."""
    with np.load(ROOT / "fixtures/digits_gru.npz") as fixture:
        rows = fixture["in__rows"]
        return rows.reshape(-1, at_once, *rows.shape[1:]), fixture["out__logits"][CALIBRATE:]


@pytest.mark.parametrize(("name", "precision"), LEAST)
def test_the_digits(name: str, precision: str, tmp_path: Path) -> None:
    interpreter(name)
    at_once = AT_ONCE.get(name, 1)
    made = gru_lower.lower(ROOT / "fixtures/digits_gru.onnx", target="portable", fix_dims={"batch": at_once})
    rows, right = digits(at_once)
    cases = {"rows": rows[: CALIBRATE // at_once]}, {"rows": rows[CALIBRATE // at_once :]}
    found, placed = quantised(name, precision, made, *cases, tmp_path)
    assert hits(found["logits"], right) >= LEAST[name, precision]
    if name in WHOLLY and precision != "float":
        assert not placed["CPU"]
    if name == "rknn":
        assert set(placed["CPU"]) <= {"Reshape"}  # of what goes in and out
    if name == "onnxruntime_qnn":
        # Of the model's input and output, which are floats for who calls it; onnxruntime 1.32 leaves both there.
        assert set(placed["CPU"]) <= {"QuantizeLinear", "DequantizeLinear"}
        assert sum(placed["CPU"].values()) <= 2


@pytest.mark.parametrize("precision", ["float", "int8"])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("target", ["portable", "tpu-mlir"])
def test_batches_of_tpu_mlir(target: str, batch: int, precision: str, tmp_path: Path) -> None:
    """It reads a computed C of a Gemm wrong for all sequences but the first: what is written for it has none."""
    interpreter("tpu_mlir")
    made = gru_lower.lower(ROOT / "fixtures/digits_gru.onnx", target=target, fix_dims={"batch": batch})
    rows, right = digits(batch)
    cases = CALIBRATE // batch
    found, placed = quantised("tpu_mlir", precision, made, {"rows": rows[:cases]}, {"rows": rows[cases:][:4]}, tmp_path)
    assert hits(found["logits"], right[: 4 * batch]) == 4 * batch  # in floats the first one that is wrong is the 17th
    assert not placed["CPU"]


@pytest.mark.parametrize("name", ["tflite_micro", "vela"])
def test_words_with_their_lengths(name: str, tmp_path: Path) -> None:
    """The encoder of words has lengths handed in: of what is written for it the NPU takes all but their comparison."""
    interpreter(name)
    target, dims = name.replace("_", "-"), {"batch": 1, "time": 16}
    made = gru_lower.lower(ROOT / "fixtures/g2p_encoder.onnx", target=target, fix_dims=dims)
    with np.load(ROOT / "fixtures/g2p_encoder.npz") as fixture:
        words = {key: fixture[f"in__{key}"][:, None] for key in ("graphemes", "lengths")}
        right = fixture["out__first_phoneme"]
    calibrating = {key: array[:100] for key, array in words.items()}
    found, placed = quantised(name, "int8", made, calibrating, words, tmp_path)
    assert hits(found["first_phoneme"], right) >= RIGHT_WORDS - len(right) // 100
    if name == "vela":
        assert set(placed["CPU"]) <= {"LESS", "CAST", "QUANTIZE", "GATHER"}  # the last one is the model's own
        assert sum(placed["CPU"].values()) <= 6
