#!/usr/bin/env bash
# MNN 3.6.1 takes the scales of a DequantizeLinear for those of the last axis; OpenVINO 2026.4.1 multiplies wrongly by weights
# whose scales lie along the axis that the product sums.
#
# Behaviour: a constant matrix of int8 stands behind a DequantizeLinear with a scale for each row or each column, and is the
#   right side of a MatMul or Gemm. MNN does not look at axis: scales of rows are multiplied to columns. OpenVINO computes
#   scales of columns of the product right, and those of its summed axis wrong - the scales move behind the product, where
#   they do not belong. Neither says anything. The same weights with one scale and a Mul by the others are right in both.
# Right: the specification of DequantizeLinear-13, and onnxruntime 1.32.0 without optimisation, to a millionth.
# Seen: 4 by 4 weights, scales from 0.001 to 0.1, x of ones, scales along the summed axis: OpenVINO 6.5 off, MNN 5.2 off.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 MNN==3.6.1 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import subprocess
import sys

import MNN
import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
from onnx import TensorProto, helper, numpy_helper

N = 4
numbers = np.arange(-60, 68, 8, dtype=np.int8).reshape(N, N)
scales = np.geomspace(0.001, 0.1, N).astype(np.float32)
x = np.ones((1, N), np.float32)


def model(axis, spelled):
    """y = x times the matrix, whose scales lie along an axis: behind a DequantizeLinear, or multiplied by a Mul."""
    tensors = {"numbers": numbers, "scales": scales}
    if spelled == "DequantizeLinear":
        nodes = [helper.make_node("DequantizeLinear", ["numbers", "scales"], ["w"], axis=axis)]
    else:
        tensors = {"numbers": numbers, "one": np.float32(1), "scales": scales[:, None] if axis == 0 else scales}
        nodes = [helper.make_node("DequantizeLinear", ["numbers", "one"], ["whole"]), helper.make_node("Mul", ["whole", "scales"], ["w"])]
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"]))
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, N]) for name in "xy")
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "graph", [given], [made], initializers)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(found, full_check=True)
    return found


def onnxruntime(made):
    plain = ort.SessionOptions()
    plain.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(made.SerializeToString(), plain, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def openvino(made):
    core = ov.Core()
    return core.compile_model(core.read_model(made.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([x])[0]


def mnn(made):
    onnx.save(made, "m.onnx")
    convert = [sys.executable, "-m", "MNN.tools.mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "x"]
    subprocess.run(convert, check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["x"], ["y"])
    given = MNN.expr.const(x, list(x.shape), MNN.expr.NCHW, MNN.expr.float)
    return np.array(net.forward([given])[0].read()).reshape(1, N)


print("onnxruntime", ort.__version__, "| OpenVINO", ov.__version__, "| MNN", MNN.version())
for axis, where in ((0, "summed"), (1, "columns")):
    right = x @ (numbers * (scales[:, None] if axis == 0 else scales))
    for spelled in ("DequantizeLinear", "Mul"):
        off = {engine.__name__: float(np.abs(engine(model(axis, spelled)) - right).max()) for engine in (onnxruntime, openvino, mnn)}
        print(f"scales of the {where} axis, by {spelled}:", {name: f"{error:.2g}" for name, error in off.items()})
        wrong = {name for name, error in off.items() if error > 1e-3}
        assert wrong == ({"openvino", "mnn"} if (axis, spelled) == (0, "DequantizeLinear") else set()), wrong
PY
