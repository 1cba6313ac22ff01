"""Convert a model for MNN and run it.

The converter's command, ``mnnconvert``, also installs a package for logging; what it calls does not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import MNN
import numpy as np
from MNN import expr

from runner import Array, Arrays, main, names

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(model: str, feeds: Arrays, flags: str = "", threads: str = "4") -> Callable[[], Arrays]:
    """Convert the model in a process of its own, since the converter may abort, and load it.

    Args:
        model: Its path.
        feeds: An array per input.
        flags: Of the converter, besides those it always gets.
        threads: Of the CPU.

    """
    inputs, outputs = names(model)
    with tempfile.TemporaryDirectory() as folder:
        converted = str(Path(folder) / "model.mnn")
        _convert(model, converted, flags.split())
        runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "numThread": int(threads), "precision": "normal"},))
        net = MNN.nn.load_module_from_file(converted, inputs, outputs, runtime_manager=runtime)
    given = [_variable(feeds[name]) for name in inputs]

    def call() -> Arrays:
        results = net.onForward(given)
        return {name: np.array(value.read()) for name, value in zip(outputs, results, strict=True)}

    return call


def run(model: str, feeds: Arrays) -> Arrays:
    """Load the model and run it once."""
    return prepare(model, feeds)()


def _convert(model: str, converted: str, flags: list[str]) -> None:
    options = [
        "-f",
        "ONNX",
        "--modelFile",
        str(Path(model).resolve()),
        "--MNNModel",
        converted,
        "--bizCode",
        "gru",
        "--keepInputFormat",
    ]
    command = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", *options, *flags]
    folder = Path(converted).parent  # the converter leaves a file where it is started
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if not Path(converted).exists():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise RuntimeError(f"the converter ended with {done.returncode}: {' '.join(said[-5:])}")


def _variable(array: Array) -> Any:  # noqa: ANN401 - MNN has no types
    """Return an input; MNN computes float16 and float64 in float32, and every integer in int32."""
    kind, dtype = (expr.float, np.float32) if array.dtype.kind == "f" else (expr.int, np.int32)
    return expr.const(array.astype(dtype), list(array.shape), expr.NCHW, kind)


if __name__ == "__main__":
    sys.exit(main(prepare))
