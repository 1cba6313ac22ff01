"""Compile a model for Sophgo's TPUs by tpu-mlir, and run it in the chip's simulator.

Floats are computed in 32 bits on a BM1684. With ``--int8`` the cases calibrate, and a BM1684X computes in 8 bits.

Its tools import torch, of which they need a function for ONNX models. Where there is none, it is stood in for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tpu_mlir  # its import sets the paths that its commands need

from chips import Built, Job, main, once, shapes_of
from runner import Arrays, names

CHIPS = {"float": ("bm1684", "F32"), "int8": ("bm1684x", "INT8")}
TOOLS = Path(tpu_mlir.__file__).parent / "python" / "tools"
TORCH = """
import sys
import types

import numpy


class Module(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def tensor(values):
    return types.SimpleNamespace(numpy=lambda: numpy.asarray(values))


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return sys.modules.setdefault(f"torch.{name}", Module(f"torch.{name}"))
"""
"""What its tools read of torch, most of it only to name types."""
DONE = "case is done"
SERVER = f"""
import sys

sys.path.insert(0, sys.argv[1])
import numpy as np
from model_runner import model_inference

for line in sys.stdin:
    with np.load("in.npz") as given:
        found = model_inference(dict(given), "m.bmodel", dump_all=False)
    np.savez("out.npz", **found)
    print({DONE!r}, flush=True)
"""
OPERATOR = re.compile(r'"tpu\.(\w+)"')
NOT_ON_THE_TPU = {"None", "Yield", "Input", "GenericCpu"}
"""What its files name beside the operators of the TPU: none to compute, or the CPU's."""


def build(job: Job) -> Built:
    """Translate, calibrate on the cases, and compile; each run is a process of the simulator's."""
    if job.precision not in CHIPS:
        raise ValueError(f"tpu-mlir is run in {' or '.join(CHIPS)}, not in {job.precision}")
    chip, kind = CHIPS[job.precision]
    inputs, outputs = names(str(job.model))
    shapes = shapes_of(job.model)
    sizes = ",".join(str(shapes[name] or [1]).replace(" ", "") for name in inputs)
    _call(
        job,
        "model_transform",
        "--model_name",
        "m",
        "--model_def",
        job.model,
        "--input_shapes",
        f"[{sizes}]",
        "--mlir",
        "m.mlir",
    )
    table = _calibrated(job, inputs) if job.precision == "int8" else []
    _call(
        job,
        "model_deploy",
        "--mlir",
        "m.mlir",
        "--quantize",
        kind,
        "--chip",
        chip,
        *table,
        "--model",
        "m.bmodel",
        "--debug",
    )

    simulator = Simulator(job)

    def run(feeds: Arrays) -> Arrays:
        values = simulator({name: feeds[name] for name in inputs})
        # it names an output by the node, too: they are in the graph's order
        return {name: value.reshape(shapes[name]) for name, value in zip(outputs, values.values(), strict=True)}

    return Built(run, _placed(next(job.folder.glob(f"m_{chip}_*_tpu.mlir"))))


class Simulator:
    """A process of the simulator's that runs one case after another, by files."""

    def __init__(self, job: Job) -> None:
        """Start it; it ends with its input."""
        self._job = job
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(TOOLS)],
            cwd=job.folder,
            env=_environment(job),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(job.folder / "simulator.log").open("w"),
            text=True,
        )

    def __call__(self, feeds: Arrays) -> Arrays:
        """Run one case, and return what it names as it names it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        np.savez(self._job.folder / "in.npz", **feeds)  # type: ignore[arg-type] # no input is called allow_pickle
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.endswith(f"{DONE}\n"):
                with np.load(self._job.folder / "out.npz") as arrays:
                    return {name: arrays[name] for name in arrays.files}
        said = (self._job.folder / "simulator.log").read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "without a word")
        raise RuntimeError(f"the simulator ended with {self._process.wait()}: {last}")


def _calibrated(job: Job, inputs: list[str]) -> list[str | Path]:
    """Write the cases, let them be calibrated on, and return the option that names the result."""
    cases = job.folder / "cases"
    cases.mkdir()
    for number, case in enumerate(job.cases):
        np.savez(cases / f"{number:06}.npz", **{name: case[name] for name in inputs})  # type: ignore[arg-type] # the same
    _call(job, "run_calibration", "m.mlir", "--dataset", cases, "--input_num", len(job.cases), "-o", "table")
    return ["--calibration_table", "table"]


def _call(job: Job, tool: str, *arguments: object) -> None:
    """Run one of its commands in the job's folder, or raise its last words."""
    command = [sys.executable, str(TOOLS / f"{tool}.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=job.folder, env=_environment(job), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        said = [line for line in lines if "error" in line.lower() or "not supported" in line]
        raise RuntimeError(f"{tool}: {' '.join(said[:2]) or 'says no reason'}")


def _environment(job: Job) -> dict[str, str]:
    """Return the environment of its processes."""
    env = dict(os.environ)
    if find_spec("torch") is None:
        package = job.folder / "stand_in" / "torch"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(TORCH, encoding="utf-8")
        env["PYTHONPATH"] = os.pathsep.join([str(package.parent), env["PYTHONPATH"]])
    return env


def _placed(final: Path) -> dict[str, dict[str, int]]:
    """Return which operators the TPU takes, and which are left to the CPU beside it."""
    found = Counter(OPERATOR.findall(final.read_text(encoding="utf-8")))
    cpu = {"GenericCpu": found["GenericCpu"]} if found["GenericCpu"] else {}
    return {"NPU": {kind: count for kind, count in found.items() if kind not in NOT_ON_THE_TPU}, "CPU": cpu}


run = once(build)

if __name__ == "__main__":
    sys.exit(main(build))
