#!/usr/bin/env bash
# pnnx 20261020 loses the axes of ONNX ReduceSum from opset 13 on, and ncnn then sums nothing.
#
# Behaviour: pnnx turns ReduceSum with a constant for its axes into an ncnn Reduction over an empty list of axes, without
#   a warning. ncnn loads it without an error, and hands the input on as it is.
# Right: ONNX operator ReduceSum-13: axes is the second input, and the tensor is summed over them. pnnx reads the attribute
#   axes of ReduceSum-11 rightly, so that the same model one opset version down is right.
# Seen: of [3, 4], opset 11 gives shape (1, 4) and (3, 1), off by 0; opset 13 gives (3, 4), the input to the bit.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 ncnn==1.0.20261020 numpy==2.4.6
# Only the program inside pnnx is run, which needs none of what its Python module imports.
"$dir/venv/bin/pip" install -qq --no-deps pnnx==20261020
cd "$dir"
venv/bin/python - <<'PY'
import subprocess
import sys
import sysconfig
from pathlib import Path

import ncnn
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

converter = Path(sysconfig.get_path("platlib"), "pnnx", "pnnx")
x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


def reduction(opset, axis):
    shape = [1 if at == axis else size for at, size in enumerate(x.shape)]
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, x.shape), ("y", TensorProto.FLOAT, shape))]
    if opset < 13:
        node, held = helper.make_node("ReduceSum", ["x"], ["y"], axes=[axis]), []
    else:
        node, held = helper.make_node("ReduceSum", ["x", "axes"], ["y"]), [numpy_helper.from_array(np.array([axis]), "axes")]
    graph = helper.make_graph([node], "sum", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made):
    onnx.save(made, "sum.onnx")
    subprocess.run([converter, "sum.onnx"], check=True, capture_output=True)
    net = ncnn.Net()
    codes = [net.load_param("sum.ncnn.param"), net.load_model("sum.ncnn.bin")]
    extractor = net.create_extractor()
    codes.append(extractor.input("in0", ncnn.Mat(x).clone()))
    code, y = extractor.extract("out0")
    return np.array(y), [*codes, code]


print("ncnn", ncnn.__version__)
changed = []
for opset in (11, 13):
    for axis in (0, 1):
        right = x.sum(axis, keepdims=True)
        y, codes = run(reduction(opset, axis))
        sums = y.shape == right.shape and np.allclose(y, right, atol=1e-5)
        print(f"opset {opset}, axis {axis}: shape {y.shape} for {right.shape}, sums: {sums}, is x: {np.array_equal(y, x)}, codes {codes}")
        if any(codes) or not (sums if opset == 11 else np.array_equal(y, x)):
            changed.append(f"opset {opset}, axis {axis}: codes {codes}, shape {y.shape}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: the axes of ReduceSum-13 are lost, and nothing is summed")
PY
