"""Run a model as C code that emx-onnx-cgen writes, compiled by the C compiler (``CC``, ``cc`` by default)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from compiled_code import compile_library, empty_outputs, pointers
from runner import Arrays, main, names

OPTIONS = ("--color=never", "--model-name=network", "--large-weight-threshold=0")
COMMAND = "import sys; from emx_onnx_cgen.cli import main; sys.exit(main())"


def run(model: str, feeds: Arrays) -> Arrays:
    """Generate, compile and call the function of the model: inputs first, then outputs."""
    inputs, outputs = names(model)
    given, results = [np.ascontiguousarray(feeds[name]) for name in inputs], empty_outputs(model)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "network.c")
        command = [sys.executable, "-c", COMMAND, "compile", *OPTIONS, model, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not source.exists():
            raise RuntimeError((done.stderr.strip() or done.stdout.strip() or "nothing was written").splitlines()[-1])
        library = compile_library(os.environ.get("CC", "cc"), source, "-lm")
        library.network(*pointers([*given, *(results[name] for name in outputs)]))
    return results


if __name__ == "__main__":
    sys.exit(main(run))
