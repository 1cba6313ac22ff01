"""Compile a model by IREE for the CPU, by way of torch-mlir, and run it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from iree import compiler, runtime

from runner import Arrays, main, names

TARGET = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
PORTABLE = "--iree-llvmcpu-target-cpu=generic"
FLOAT64 = "--iree-input-demote-f64-to-f32=false"
"""Else float64 is computed in float32, and inputs of it do not fit."""


def run(model: str, feeds: Arrays) -> Arrays:
    """Import, compile and call the one function of the model."""
    inputs, outputs = names(model)
    with tempfile.TemporaryDirectory() as folder:
        imported = str(Path(folder, "model.mlir"))
        command = [sys.executable, "-m", "iree.compiler.tools.import_onnx", model, "-o", imported]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        compiled = compiler.tools.compile_file(imported, input_type="onnx", extra_args=[*TARGET, PORTABLE, FLOAT64])
    module = runtime.load_vm_flatbuffer(compiled, driver="local-task")
    function = next(name for name in module.vm_module.function_names if not name.startswith("__") and "$" not in name)
    results = module[function](*[np.ascontiguousarray(feeds[name]) for name in inputs])
    values = [results] if len(outputs) == 1 else results
    return {name: np.asarray(value.to_host()) for name, value in zip(outputs, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
