"""Run a model as C++ code that SOFIE writes, compiled by the C++ compiler (``CXX``, ``c++`` by default).

The code calls BLAS; scipy-openblas32 brings one, whose functions have a prefix.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy_openblas32
import sofie

from compiled_code import compile_library, empty_outputs, pointers
from runner import Array, Arrays, main, names

CALL = """
#include "network.hxx"
extern "C" int call(const char *weights, void **in, void **out) {{
  try {{
    {space}::Session session(weights);
    {space}::doInfer(session, {arguments});
  }} catch (...) {{
    return 1;
  }}
  return 0;
}}
"""
BLAS = ("sgemm_", "sgemv_", "saxpy_", "scopy_", "sscal_")
TYPES = {"float32": "float", "int32": "int32_t", "int64": "int64_t", "float64": "double", "bool": "bool"}


def run(model: str, feeds: Arrays) -> Arrays:
    """Generate, compile and call the inference function: inputs first, then outputs."""
    inputs, outputs = names(model)
    given, results = [np.ascontiguousarray(feeds[name]) for name in inputs], empty_outputs(model)
    parsed = sofie.onnx.parse(model)
    parsed.generate()
    with tempfile.TemporaryDirectory() as folder:
        header, source = Path(folder, "network.hxx"), Path(folder, "network.cpp")
        parsed.output_generated(str(header))
        space = re.search(r"^namespace (SOFIE_\w+)", header.read_text(encoding="utf-8"), re.MULTILINE)
        if space is None:
            raise RuntimeError("the generated code has no namespace SOFIE_...")
        arguments = ", ".join([*_casts("in", given, "const "), *_casts("out", [results[name] for name in outputs])])
        source.write_text(CALL.format(space=space[1], arguments=arguments), encoding="utf-8")
        blas = scipy_openblas32.get_lib_dir()
        prefixed = [f"-D{name}=scipy_{name}" for name in BLAS]
        links = [f"-L{blas}", "-lscipy_openblas", f"-Wl,-rpath,{blas}"]
        library = compile_library(os.environ.get("CXX", "c++"), source, "-std=c++20", *prefixed, *links)
        if library.call(str(header.with_suffix(".dat")).encode(), _list(given), _list([results[n] for n in outputs])):
            raise RuntimeError("the generated code raised an error")
    return results


def _list(arrays: list[Array]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*pointers(arrays))


def _casts(name: str, arrays: list[Array], const: str = "") -> list[str]:
    return [f"({const}{TYPES[array.dtype.name]}*){name}[{index}]" for index, array in enumerate(arrays)]


if __name__ == "__main__":
    sys.exit(main(run))
