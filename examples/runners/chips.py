"""What runners of chips' toolchains share: floats or whole numbers, one case or many, and where each operator runs.

Besides what every runner takes (see ``runner.py``) their command has::

    python run_CHIP.py {model} {inputs} {outputs} [--int8 | --int16] [--calibrate CASES] [--cases] [--report FILE]

With ``--int8`` weights and activations are quantised to 8 bits, with ``--int16`` activations to 16. ``CASES`` is an
.npz whose arrays have an axis of cases before all others; without it the inputs calibrate. With ``--cases`` inputs and
outputs have that axis, too. ``FILE`` becomes JSON that says how many operators of each kind run where.

A toolchain may write over the model it reads, so it is given a copy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from runner import Arrays, as_declared, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


@dataclass(frozen=True)
class Job:
    """What to build.

    Attributes:
        model: The path of the ONNX model, a copy.
        folder: An empty folder, which stays until the last case has run.
        precision: ``"float"``, ``"int8"`` or ``"int16"``.
        cases: What calibrates it, an array per input each.

    """

    model: Path
    folder: Path
    precision: str
    cases: list[Arrays]


@dataclass(frozen=True)
class Built:
    """A model in its simulator.

    Attributes:
        run: Takes an array per input, returns one per output.
        placed: Where operators run: by place (``"NPU"``, ``"CPU"``), how many of each kind.

    """

    run: Callable[[Arrays], Arrays]
    placed: dict[str, dict[str, int]] = field(default_factory=dict)


def once(build: Callable[[Job], Built], precision: str = "float") -> Callable[[str, Arrays], Arrays]:
    """Return what ``runner.main`` takes: a function that builds a model and runs one case, which calibrates it, too."""

    def run(model: str, feeds: Arrays) -> Arrays:
        with tempfile.TemporaryDirectory() as folder:
            return build(_job(model, folder, precision, [feeds])).run(feeds)

    return run


def wholly(build: Callable[[Job], Built], but: Collection[str] = ()) -> Callable[[Job], Built]:
    """Return a way to build that takes a model left to the CPU in part, but for some operators, for a rejected one."""

    def build_wholly(job: Job) -> Built:
        built = build(job)
        left = {kind: count for kind, count in built.placed["CPU"].items() if kind not in but}
        if left:
            counted = ", ".join(f"{count} {kind}" for kind, count in left.items())
            raise RuntimeError(f"left to the CPU: {counted}")
        return built

    return build_wholly


def main(build: Callable[[Job], Built]) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser()
    for name in ("model", "inputs", "outputs"):
        parser.add_argument(name)
    precision = parser.add_mutually_exclusive_group()
    for name in ("int8", "int16"):
        precision.add_argument(f"--{name}", dest="precision", action="store_const", const=name, default="float")
    parser.add_argument("--calibrate", metavar="CASES")
    parser.add_argument("--cases", action="store_true")
    parser.add_argument("--report", metavar="FILE")
    given = parser.parse_args()
    with np.load(given.inputs) as arrays:
        feeds = _parted(dict(arrays)) if given.cases else [dict(arrays)]
    calibrating = feeds
    if given.calibrate:
        with np.load(given.calibrate) as arrays:
            calibrating = _parted(dict(arrays))
    with tempfile.TemporaryDirectory() as folder:
        try:
            built = build(_job(given.model, folder, given.precision, calibrating))
            found = [as_declared(given.model, built.run(case)) for case in feeds]
        except Exception as error:  # noqa: BLE001 - whatever a toolchain raises, the model was rejected
            print(reason(error), file=sys.stderr)
            return 1
    if given.report:
        Path(given.report).write_text(json.dumps(built.placed), encoding="utf-8")
    together = {name: np.stack([case[name] for case in found]) for name in found[0]} if given.cases else found[0]
    np.savez(given.outputs, **together)
    return 0


def shapes_of(model: Path) -> dict[str, list[int]]:
    """Return the shape of each input and output of a static model."""
    graph = onnx.load(model).graph
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }


def _job(model: str, folder: str, precision: str, cases: list[Arrays]) -> Job:
    copy = Path(folder, "model.onnx")
    shutil.copyfile(model, copy)
    work = Path(folder, "work")
    work.mkdir()
    return Job(copy, work, precision, cases)


def _parted(arrays: Arrays) -> list[Arrays]:
    """Return the cases of arrays that have an axis of cases before all others."""
    count = min((len(array) for array in arrays.values()), default=0)
    return [{name: array[index] for name, array in arrays.items()} for index in range(count)]
