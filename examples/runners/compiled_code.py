"""What runners of code generators share: compile what was generated, and call it."""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner import Array, Arrays


def compile_library(compiler: str, source: Path, *options: str) -> ctypes.CDLL:
    """Compile a source file to a library and load it.

    Raises:
        RuntimeError: The compiler refuses it; the message is its first error.

    """
    library = source.with_suffix(".so")
    command = [compiler, "-shared", "-fPIC", "-O0", "-w", str(source), "-o", str(library), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(next((line for line in done.stderr.splitlines() if "error" in line), done.stderr))
    return ctypes.CDLL(str(library))


def empty_outputs(model: str) -> Arrays:
    """Return an array for each output of a model, of the type and the static shape that it declares."""
    found = {}
    for value in onnx.load(model, load_external_data=False).graph.output:
        kind = value.type.tensor_type
        if not all(dim.HasField("dim_value") for dim in kind.shape.dim):
            raise ValueError(f"{value.name} has a shape that is not static")
        shape = [dim.dim_value for dim in kind.shape.dim]
        found[value.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return found


def pointers(arrays: Sequence[Array]) -> list[ctypes.c_void_p]:
    """Return where the values of arrays stand."""
    return [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
