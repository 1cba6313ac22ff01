"""Batches: CPU time beside one call a model, and how much faster two workers are than one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

COMMAND = [sys.executable, "-m", "gru_lower"]
MARK = "GRU_LOWER_BENCHMARK"
DO = "lower --search 0"
CPU_BOUND = "lower --form unroll --cases 5 --search 0"
"""What is done with models of 40 steps to see how many workers are worth."""
SECONDS_BETWEEN_LOOKS = 0.05


def small_model(seed: int, steps: int = 4, hidden: int = 8) -> onnx.ModelProto:
    """Return a GRU of the sizes, with weights of its own."""
    rng = np.random.default_rng(seed)
    shapes = {"W": [1, 3 * hidden, hidden], "R": [1, 3 * hidden, hidden], "B": [1, 6 * hidden]}
    weights = [
        numpy_helper.from_array(rng.uniform(-0.3, 0.3, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    graph = helper.make_graph(
        [helper.make_node("GRU", ["X", *shapes], ["Y", "Y_h"], hidden_size=hidden)],
        "g",
        [helper.make_tensor_value_info("X", 1, [steps, 1, hidden])],
        [helper.make_tensor_value_info("Y_h", 1, [1, 1, hidden])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cpu_seconds(words: list[str]) -> tuple[float, float]:
    """Run a command; return the CPU time of all processes that it starts, and the time it took."""
    mark = f"{time.monotonic_ns()}"
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(words, env=os.environ | {MARK: mark}, stdout=log, stderr=log)
        used: dict[str, float] = {}
        looking = threading.Event()
        watcher = threading.Thread(target=_watch, args=(mark, used, looking))
        watcher.start()
        code = running.wait()
        took = time.monotonic() - started
        looking.set()
        watcher.join()
        if code:
            log.seek(0)
            raise RuntimeError(log.read().decode())
    return sum(used.values()), took


def _watch(mark: str, used: dict[str, float], end: threading.Event) -> None:
    """Keep the CPU time of every process with the mark, as it was last seen."""
    tick = os.sysconf("SC_CLK_TCK")
    mine: dict[str, bool] = {}
    while not end.wait(SECONDS_BETWEEN_LOOKS):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if folder.name not in mine:
                    mine[folder.name] = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes()
                if mine[folder.name]:
                    fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
                    used[folder.name] = (int(fields[11]) + int(fields[12])) / tick
            except OSError:  # it is gone, or another user's
                continue


def run(folder: Path, *, quick: bool, tolerance: float) -> int:
    """Measure, write ``batches.json``, and hold the figures to what is to be reached.

    Args:
        folder: Where to write.
        quick: Whether to measure fewer models.
        tolerance: How far beyond its limit a value may be.

    Returns:
        1 if something was missed.

    """
    many, alone, rounds = (40, 4, 1) if quick else (200, 20, 3)
    with tempfile.TemporaryDirectory() as place:
        models = Path(place, "models")
        models.mkdir()
        for number in range(many):
            onnx.save_model(small_model(number), models / f"{number:03}.onnx")
        larger = Path(place, "larger")
        larger.mkdir()
        for number in range(many // 2):
            onnx.save_model(small_model(number, steps=40, hidden=64), larger / f"{number:03}.onnx")
        found: dict[str, Any] = {"models": many, "calls": alone}
        found["cpu"] = _beside_calls(models, Path(place), alone, many)
        found["wall"] = [_on_workers(larger, Path(place, f"{turn}")) for turn in range(rounds)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batches.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    ratio = found["cpu"]["calls"] / found["cpu"]["batch"]
    pace = float(np.median([each["one"] / each["two"] for each in found["wall"]]))
    missed = 0
    for text, value, limit in (("calls beside a batch, CPU", ratio, 5.0), ("one worker beside two", pace, 1.6)):
        reached = value >= limit * (1 - tolerance)
        missed |= not reached
        print(f"{'reached' if reached else 'missed'}: {text}: {value:.2f}, to reach {limit}")
    return int(missed)


def _beside_calls(models: Path, place: Path, alone: int, many: int) -> dict[str, float]:
    """Return the CPU seconds of a batch, and of as many calls."""
    calls = 0.0
    for path in sorted(models.glob("*.onnx"))[:alone]:
        calls += cpu_seconds([*COMMAND, *DO.split(), str(path), "-o", f"{place}/{path.name}"])[0]
    words = ["batch", f"{models}/*.onnx", "--do", DO, "--out", f"{place}/none", "--cluster", "none"]
    return {"batch": cpu_seconds([*COMMAND, *words])[0], "calls": calls * many / alone}


PACE = """
import sys, time, gru_lower
times = []
for each in gru_lower.batch(sys.argv[1], do=sys.argv[2], out=sys.argv[3], workers=int(sys.argv[4])):
    times.append(time.monotonic())
print(times[-1] - times[3])
"""
"""Prints the seconds from the fourth result, when all workers have begun, to the last."""


def _on_workers(models: Path, place: Path) -> dict[str, float]:
    """Return the seconds of a batch on one worker and on two."""
    found = {}
    for name, count in (("one", 1), ("two", 2)):
        words = [sys.executable, "-c", PACE, f"{models}/*.onnx", CPU_BOUND, f"{place}/{name}", str(count)]
        found[name] = float(subprocess.run(words, capture_output=True, check=True, text=True).stdout)
    return found
