"""Build a model for Rockchip's RK3588 by rknn-toolkit2, and run it in the simulator that the toolkit has for x86.

It computes floats in 16 bits. With ``--int8`` weights and activations are quantised to 8 bits, with ``--int16`` to 16.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter
from contextlib import chdir, contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rknn.api import RKNN

from chips import Built, Job, main, once, shapes_of
from runner import Arrays, names

if TYPE_CHECKING:
    from collections.abc import Iterator

CHIP = "rk3588"
TYPES = {"int8": "w8a8", "int16": "w16a16i_dfp"}
ROW = re.compile(r"\d+ +(\w+) +\w+ +(CPU|NPU) ")
"""A row of the table of operators: its number, kind, type, and where it runs."""


def build(job: Job) -> Built:
    """Load, quantise on the cases, build, and start the simulator."""
    inputs, outputs = names(str(job.model))
    quantised = job.precision != "float"
    with _said() as said, chdir(job.folder):  # it leaves files where it stands
        toolkit = RKNN(verbose=True)
        toolkit.config(target_platform=CHIP, **({"quantized_dtype": TYPES[job.precision]} if quantised else {}))
        steps = (
            lambda: toolkit.load_onnx(model=str(job.model)),
            lambda: toolkit.build(do_quantization=quantised, dataset=_written(job, inputs) if quantised else None),
            toolkit.init_runtime,
        )
        failed = any(step() != 0 for step in steps)
    if failed:
        raise RuntimeError(_why(said[0]))
    placed: dict[str, Counter[str]] = {"NPU": Counter(), "CPU": Counter()}
    for kind, place in ROW.findall(said[0]):
        if not kind.endswith("Operator"):  # what goes in and out
            placed[place][kind] += 1
    loops = [kind for kind in ("Scan", "Loop") if kind in placed["CPU"]]
    if loops:
        raise RuntimeError(f"left to the CPU: {' and '.join(loops)}")
    shapes = shapes_of(job.model)

    def run(feeds: Arrays) -> Arrays:
        given = [feeds[name] for name in inputs]
        with _said() as failing:
            found = toolkit.inference(inputs=given, data_format=["nchw"] * len(given))
        if found is None:
            raise RuntimeError(_why(failing[0]))
        # it hands out [1, 6, 1, 1] for [1, 1, 1, 6]: the same values in the same order
        return {name: array.reshape(shapes[name]) for name, array in zip(outputs, found, strict=True)}

    return Built(run, {place: dict(counts) for place, counts in placed.items()})


def _written(job: Job, inputs: list[str]) -> str:
    """Write the cases as the toolkit reads them: a line each, with a file per input."""
    lines = []
    for number, case in enumerate(job.cases):
        paths = [job.folder / f"{number}_{place}.npy" for place in range(len(inputs))]
        for name, path in zip(inputs, paths, strict=True):
            np.save(path, case[name])
        lines.append(" ".join(map(str, paths)))
    listed = job.folder / "cases.txt"
    listed.write_text("\n".join(lines), encoding="utf-8")
    return str(listed)


@contextmanager
def _said() -> Iterator[list[str]]:
    """Catch what the toolkit prints, which its library does past Python's own streams."""
    said: list[str] = []
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as caught:
        try:
            for stream in (1, 2):
                os.dup2(caught.fileno(), stream)
            yield said
        finally:
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
            caught.seek(0)
            said.append(caught.read().decode(errors="replace"))


def _why(said: str) -> str:
    """Return the errors among what the toolkit printed."""
    found = [line for line in re.sub(r"\x1b\[[\d;]*m", "", said).splitlines() if re.match(r"E\b", line)]
    return " ".join(found) or "rknn says no reason"


run = once(build)

if __name__ == "__main__":
    sys.exit(main(build))
