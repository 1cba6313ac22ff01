"""``python -m benchmarks passes``: the time and memory of the passes themselves, each run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import gru_case, tables
from benchmarks.measure import say
from gru_lower.report.environment import environment
from gru_lower.rewriting.pipelines import lowering

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 5
MB = 1_000_000
LINEAR = 1.5
"""How much longer a node may take among ten times as many."""


@dataclass(frozen=True)
class Job:
    """One model to lower.

    Attributes:
        name: For people.
        write: Writes the model to a path.
        passes: The pipeline.
        seconds: What load, lower and save may take together; ``None`` for whatever it takes.
        megabytes: What the process may grow by.

    """

    name: str
    write: Callable[[Path], None]
    passes: str
    seconds: float | None = None
    megabytes: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Medians over a job's runs, in seconds and MB."""

    job: Job
    load: float
    lower: float
    save: float
    megabytes: float

    @property
    def seconds(self) -> float:
        """All three together."""
        return self.load + self.lower + self.save


def chain(count: int) -> Callable[[Path], None]:
    """Return what writes a chain of small GRUs with a Squeeze after each."""

    def write(path: Path) -> None:
        H, T, rng = 8, 20, np.random.default_rng(0)
        nodes, tensors, last = [], [numpy_helper.from_array(np.array([1]), "axes")], "X"
        for index in range(count):
            for name, shape in (("W", (1, 3 * H, H)), ("R", (1, 3 * H, H)), ("B", (1, 6 * H))):
                tensors.append(
                    numpy_helper.from_array(rng.uniform(-0.3, 0.3, shape).astype(np.float32), f"{name}{index}")
                )
            weights = [f"{name}{index}" for name in "WRB"]
            nodes += [
                helper.make_node("GRU", [last, *weights], [f"Y{index}"], name=f"gru{index}", hidden_size=H),
                helper.make_node("Squeeze", [f"Y{index}", "axes"], [f"S{index}"], name=f"squeeze{index}"),
            ]
            last = f"S{index}"
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [T, "B", H]) for name in ("X", last)]
        graph = helper.make_graph(nodes, "chain", values[:1], values[1:], tensors)
        opsets = [helper.make_opsetid("", gru_case.OPSET)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=gru_case.IR_VERSION), path)

    return write


def external(path: Path) -> None:
    """Write a GRU with 500 MB of weights beside it, in a sparse file."""
    H = 4564
    shapes = {"W": (1, 3 * H, H), "R": (1, 3 * H, H), "B": (1, 6 * H)}
    data = path.with_suffix(".data")
    tensors, offset = [], 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", data.name), ("offset", offset), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
        offset += size
    with data.open("wb") as file:
        file.truncate(offset)
    model = gru_case.native(gru_case.Case(8, 1, 20))
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    for value, shape in ((model.graph.input[0], (20, 1, H)), (model.graph.output[0], (20, 1, 1, H))):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    model.graph.output[1].CopyFrom(helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, 1, H)))
    next(each for each in model.graph.node[0].attribute if each.name == "hidden_size").i = H
    onnx.save(model, path)


def steps(count: int) -> Callable[[Path], None]:
    """Return what writes one small GRU of so many steps."""
    return lambda path: onnx.save(gru_case.native(gru_case.Case(16, 1, count)), path)


def jobs(*, quick: bool) -> list[Job]:
    """Return what is run."""
    auto = lowering()
    return [
        *(Job(f"{n:,} GRUs", chain(n), auto) for n in (10, 100)),
        Job("1,000 GRUs", chain(1000), auto, seconds=1.0, megabytes=120),
        *([] if quick else [Job("10,000 GRUs", chain(10_000), auto)]),
        Job("500 MB of external weights", external, auto, seconds=0.1, megabytes=60),
        Job("unroll of T = 1,000", steps(1000), "lower-gru{form=unroll}", seconds=3.0),
    ]


def run(folder: Path, *, quick: bool, tolerance: float) -> int:
    """Run every job, write passes.md and passes.json, print the verdicts; return 1 if a limit was missed."""
    repeats = 3 if quick else REPEATS
    outcomes = [outcome(job, repeats) for job in jobs(quick=quick)]
    rows, missed = [], False
    for each in outcomes:
        limits = (each.seconds, each.job.seconds), (each.megabytes, each.job.megabytes)
        over = any(limit is not None and value > limit * (1 + tolerance) for value, limit in limits)
        missed |= over
        word = "" if not any(limit for _, limit in limits) else "missed" if over else "reached"
        figures = [f"{value:.3f}" for value in (each.load, each.lower, each.save)]
        rows.append([each.job.name, *figures, _held(*limits[0], 3), _held(*limits[1], 0), word])
    word, growth = _linear(outcomes[:2] + outcomes[2 : 3 if quick else 4], tolerance)
    missed |= word == "missed"
    where = environment()
    page = tables.table(["", "load, s", "lower, s", "save, s", "all, s", "memory, MB", ""], rows)
    page = (
        f"# The passes themselves\n\n{where['cpu']}, Python {where['python']}, onnx {where['onnx']}, {where['date']}. "
        f"Medians of the CPU time of {repeats} runs, each in a process of its own; memory is the peak beyond imports. "
        f"Written by `python -m benchmarks passes`.\n\n{page}\n\n"
        f"Linear: a GRU among the most takes {growth:.2f} times as long as among a tenth as many "
        f"(at most {LINEAR:g}: {word}).\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passes.md").write_text(page, encoding="utf-8")
    results = [
        {"name": o.job.name, "load": o.load, "lower": o.lower, "save": o.save, "megabytes": o.megabytes}
        for o in outcomes
    ]
    (folder / "passes.json").write_text(
        json.dumps({"environment": where, "quick": quick, "growth": growth, "runs": results}, indent=1) + "\n",
        encoding="utf-8",
    )
    print(page)
    return int(missed)


def outcome(job: Job, repeats: int) -> Outcome:
    """Run a job so many times; return the medians."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "lowered.onnx"
        job.write(source)
        words = [sys.executable, "-m", "benchmarks.passes_process", str(source), str(target), job.passes]
        found = [
            json.loads(subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
            for _ in range(repeats)
        ]
    medians = {key: median(each[key] for each in found) for key in ("load", "lower", "save", "megabytes")}
    say(job.name)
    return Outcome(job, **medians)


def _linear(outcomes: list[Outcome], tolerance: float) -> tuple[str, float]:
    growth = outcomes[-1].seconds / outcomes[-2].seconds / 10
    return "missed" if growth > LINEAR * (1 + tolerance) else "reached", growth


def _held(value: float, limit: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" + ("" if limit is None else f" (≤ {limit:g})")
