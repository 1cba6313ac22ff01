#!/usr/bin/env bash
# onnxoptimizer 0.4.2's default passes change two common pairs: Pad before MaxPool, and a Reshape with 0 after a Reshape.
#
# Behaviour: onnxoptimizer.optimize with the passes it recommends (fuse and elimination) makes
#   1. Pad with zeros, then MaxPool into MaxPool with pads;
#   2. Reshape to [3, 4], then Reshape to [0, 0] of a [2, 6] tensor into no Reshape, or one to [0, 0]: [2, 6] comes out.
# Right: 1. ONNX operator MaxPool-12 pads with what cannot be a maximum, Pad-13 with the 0 it is told: below 0 they differ.
#   2. ONNX operator Reshape-14: a 0 in shape copies that dimension of the node's own input, here [3, 4].
# Seen: edges 0.0 become -1.0 in 1; shape (3, 4) becomes (2, 6) in 2. onnxsim 0.8.1 and onnxslim 0.1.98 keep both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnxoptimizer==0.4.2 onnxsim==0.8.1 onnxslim==0.1.98 \
    numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime as ort
import onnxsim
import onnxslim
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(3)


def model(nodes, x, y_shape, shapes):
    ends = [("x", x.shape), ("y", y_shape)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    held = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in shapes.items()]
    nodes = [helper.make_node(*node, **attributes) for node, attributes in nodes]
    graph = helper.make_graph(nodes, "pair", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made, x):
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


below = -np.arange(1, 5, dtype=np.float32).reshape(1, 1, 4)
grid = np.arange(12, dtype=np.float32).reshape(2, 6)
pool = [(("Pad", ["x", "pads"], ["t"]), {}), (("MaxPool", ["t"], ["y"]), {"kernel_shape": [2]})]
views = [
    (("Relu", ["x"], ["a"]), {}), (("Reshape", ["a", "first"], ["b"]), {}),
    (("Reshape", ["b", "second"], ["c"]), {}), (("Relu", ["c"], ["y"]), {}),
]
pairs = {
    "Pad, MaxPool": (model(pool, below, [1, 1, 5], {"pads": [0, 0, 1, 0, 0, 1]}), below),
    "Reshape, Reshape": (model(views, grid, [3, 4], {"first": [3, 4], "second": [0, 0]}), grid),
}
tools = {
    "onnxoptimizer": lambda made: onnxoptimizer.optimize(made, onnxoptimizer.get_fuse_and_elimination_passes()),
    "onnxsim": lambda made: onnxsim.simplify(made)[0],
    "onnxslim": onnxslim.slim,
}
wrong = set()
for pair, (made, x) in pairs.items():
    right = run(made, x)
    for name, tool in tools.items():
        copy = onnx.ModelProto()
        copy.CopyFrom(made)
        got = run(tool(copy), x)
        print(f"{pair}, {name}: {right.shape} edge {right.flat[0]} before, {got.shape} edge {got.flat[0]} after")
        if got.shape != right.shape or not np.array_equal(got, right):
            wrong.add((pair, name))
if wrong != {(pair, "onnxoptimizer") for pair in pairs}:
    sys.exit(f"CHANGED: wrong are {sorted(wrong)}")
print("AS DESCRIBED: onnxoptimizer changes both pairs, onnxsim and onnxslim neither")
PY
