#!/usr/bin/env bash
# onnxslim 0.1.98 folds a Mul behind a Conv into the weights along the channels, whatever axis the Mul is along.
#
# Behaviour: it looks whether the constant, squeezed, is a vector as long as the Conv has channels. A vector of that length
#   along the last axis, (C) or (1, 1, C), is taken for one over the channels. Nothing is said. For Add the same package
#   compares the constant's whole shape with (1, C, 1, ...).
# Right: broadcasting aligns shapes at the end (ONNX, Broadcasting; numpy), so (C) is along the last axis, and only
#   (C, 1) or (1, C, 1) may go into the weights of a one-dimensional Conv.
# Seen: a Conv of 4 channels over 4 frames, times (4): off by 6 where the values go to 16. Times (4, 1), over 5 frames
#   (where the Mul is by (5)), or with an Add in the Mul's place: right.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnxslim==0.1.98 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import copy
import logging

import numpy as np
import onnx
import onnxruntime as ort
import onnxslim
from onnx import TensorProto, helper, numpy_helper

logging.disable(logging.CRITICAL)
rng = np.random.default_rng(0)


def model(operator, frames, shape):
    held = {
        "w": rng.integers(-2, 3, (4, 3, 2)).astype(np.float32),
        "k": (1 + np.arange(np.prod(shape)).reshape(shape)).astype(np.float32),
    }
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node(operator, ["c", "k"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, frames + 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, frames])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def ran(made, x):
    return ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


found = {}
print("onnxslim", onnxslim.__version__, "| onnx", onnx.__version__, "| onnxruntime", ort.__version__)
for operator, frames, shape in (("Mul", 4, (4,)), ("Mul", 4, (4, 1)), ("Mul", 5, (5,)), ("Add", 4, (4,))):
    made = model(operator, frames, shape)
    x = rng.integers(-1, 2, (1, 3, frames + 1)).astype(np.float32)
    before, after = ran(made, x), ran(onnxslim.slim(copy.deepcopy(made)), x)
    found[operator, frames, shape] = float(np.abs(before - after).max())
    print(f"{operator} by {shape} behind 4 channels of {frames} frames: off by {found[operator, frames, shape]:g}"
          f" of {np.abs(before).max():g}")
assert found.pop(("Mul", 4, (4,))) >= 1, "the vector along the last axis is right now"
assert set(found.values()) == {0.0}, found
PY
