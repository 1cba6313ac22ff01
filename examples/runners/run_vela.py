"""Compile a model for Arm's Ethos-U by onnx2tf and vela, and run what vela is given in LiteRT for Microcontrollers.

The NPU computes in whole numbers alone, so without ``--int8`` activations have 16 bits, or 8 where lengths are handed
in, whose comparison TensorFlow does not quantise beside 16. An operator that vela leaves to the CPU is said, and is a
rejection where no report is asked for, but for those that make a mask of lengths.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import onnx

import litert
from chips import Built, Job, main, once, wholly
from run_tflite_micro import interpreted

NPU = "ethos-u55-128"
LENGTHS = ("LESS", "CAST", "QUANTIZE")
"""What makes a mask of lengths, which are whole numbers that stand for themselves."""


def build(job: Job) -> Built:
    """Convert, compile, and count the operators on either side."""
    whole = replace(job, precision=_bits(job) if job.precision == "float" else job.precision)
    model = litert.converted(whole)
    command = [str(Path(sys.executable).with_name("vela")), str(model), "--accelerator-config", NPU]
    done = subprocess.run(
        [*command, "--output-dir", str(job.folder / "vela"), "--show-cpu-operations"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"vela ended with {done.returncode}: {' '.join(said.split()[-40:])}")
    left = Counter(re.findall(r"^Warning \([\w ]+\) operator: (\w+)", said, re.MULTILINE))
    counted = {place: int(number) for place, number in re.findall(r"^(\w+) operators = (\d+)", said, re.MULTILINE)}
    if not counted.keys() >= {"CPU", "NPU"} or counted["CPU"] != left.total():
        raise RuntimeError(f"vela counts {counted}, and names {left.total()} operators that it leaves to the CPU")
    placed = {"NPU": {"": counted["NPU"]}, "CPU": dict(left)}
    return Built(interpreted(whole, model), placed)


def _bits(job: Job) -> str:
    """Return the type of activations: of 8 bits where an input is compared as it stands."""
    graph = onnx.load(job.model).graph
    compared = {name for node in graph.node if node.op_type == "Less" for name in node.input}
    return "int8" if compared & {value.name for value in graph.input} else "int16"


run = once(wholly(build, but=LENGTHS))

if __name__ == "__main__":
    sys.exit(main(build))
