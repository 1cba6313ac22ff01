"""Quantise a model for an ESP32 by esp-ppq, and run it in its simulator; in floats, run what it makes of the graph."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from pathlib import Path

import torch
from esp_ppq.api import espdl_quantize_onnx
from esp_ppq.core import TargetPlatform
from esp_ppq.executor import TorchExecutor
from esp_ppq.IR import BaseGraph, QuantableOperation

from chips import Built, Job, main, once, shapes_of
from runner import Arrays, names

CHIP = "esp32p4"
TYPES = {"float": "none", "int8": "w8a8", "int16": "w8a16"}


def build(job: Job) -> Built:
    """Let esp-ppq read the model, which it simplifies in its place, and quantise it on the cases."""
    inputs, outputs = names(str(job.model))
    shapes = shapes_of(job.model)
    tensors = [{name: torch.from_numpy(case[name].copy()) for name in inputs} for case in job.cases]
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        graph: BaseGraph = espdl_quantize_onnx(
            str(job.model),
            str(job.folder / "model.espdl"),
            calib_dataloader=tensors,
            calib_steps=len(tensors),
            input_shape=[shapes[name] for name in inputs],
            inputs=list(tensors[0].values()),
            collate_fn=lambda case: case,
            target=CHIP,
            quant_type=TYPES[job.precision],
            error_report=False,
        )
    executor = TorchExecutor(graph=graph, device="cpu")

    def run(feeds: Arrays) -> Arrays:
        found = executor({name: torch.from_numpy(feeds[name].copy()) for name in inputs}, outputs)
        return {name: value.detach().numpy() for name, value in zip(outputs, found, strict=True)}

    return Built(run, _placed(graph))


def _placed(graph: BaseGraph) -> dict[str, dict[str, int]]:
    """Return which operators are computed in whole numbers."""
    floats = TargetPlatform.FP32, TargetPlatform.SOI
    places: dict[str, Counter[str]] = {"NPU": Counter(), "CPU": Counter()}
    for operation in graph.operations.values():
        quantised = isinstance(operation, QuantableOperation) and operation.platform not in floats
        places["NPU" if quantised else "CPU"][operation.type] += 1
    return {place: dict(counts) for place, counts in places.items()}


run = once(build)

if __name__ == "__main__":
    sys.exit(main(build))
