"""Convert a model by pnnx and run it in ncnn, in float32."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path

import ncnn
import numpy as np
import onnx

from runner import Arrays, main, names

KINDS = {"float32": "f32", "float16": "f16", "float64": "f64", "int32": "i32", "int64": "i64"}


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model for the shapes of its inputs, and ask for every output by its place."""
    inputs, outputs = names(model)
    shapes = ",".join(f"{list(feeds[name].shape)}{KINDS[feeds[name].dtype.name]}" for name in inputs).replace(" ", "")
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder, "model.onnx"), Path(folder, "model.ncnn.param")
        copy.write_bytes(Path(model).read_bytes())
        command = [str(_converter()), str(copy), f"inputshape={shapes}", "fp16=0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if not made.exists():
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise RuntimeError(f"pnnx ended with {done.returncode}: {' '.join(said[-3:])}")
        net = ncnn.Net()
        for kind in ("packed", "storage", "arithmetic"):
            setattr(net.opt, f"use_fp16_{kind}", False)
        net.opt.use_bf16_storage, net.opt.num_threads = False, 1
        if net.load_param(str(made)) or net.load_model(str(made.with_suffix(".bin"))):
            raise RuntimeError("ncnn cannot load what pnnx wrote")
    extractor = net.create_extractor()
    for place, name in enumerate(inputs):
        extractor.input(f"in{place}", ncnn.Mat(np.ascontiguousarray(feeds[name])).clone())
    found = {}
    for place, name in enumerate(outputs):
        status, value = extractor.extract(f"out{place}")
        if status:
            raise RuntimeError(f"ncnn computes no {name}")
        found[name] = np.array(value)
    for value in onnx.load(model, load_external_data=False).graph.output:
        if not value.type.tensor_type.shape.dim and found[value.name].size == 1:
            found[value.name] = found[value.name].reshape(())  # ncnn has no scalars
    return found


def _converter() -> Path:
    """Return the program of the package pnnx, whose Python part would import torch."""
    spec = util.find_spec("pnnx")
    if spec is None or spec.origin is None:
        raise RuntimeError("pnnx is not installed")
    return Path(spec.origin).with_name("pnnx")


if __name__ == "__main__":
    sys.exit(main(run))
