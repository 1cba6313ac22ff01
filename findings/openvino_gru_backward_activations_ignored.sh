#!/usr/bin/env bash
# OpenVINO 2026.4.1 computes both directions of a bidirectional GRU with the activations of the first one.
#
# Behaviour: ONNX gives a bidirectional GRU four activations, two for each direction. OpenVINO reads the first two; the
#   backward half of Y is computed with those, without an error or a warning. Activations that it has no kernel for are
#   refused when they are the first two, and taken no notice of as the other two.
# Right: ONNX operator GRU-14: activations is "a list of 2 (or 4 if bidirectional) activation functions ...".
#   onnxruntime follows it.
# Seen: (Sigmoid, Relu) forward and (Sigmoid, Tanh) backward, weights of 0.5, X of ones: the backward half is that of a GRU
#   with Relu in both, exactly; with (Sigmoid, Tanh) then (HardSigmoid, Affine), that of Sigmoid and Tanh.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 numpy==2.4.6
"$dir/venv/bin/python" - "$dir/gru.onnx" <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
import openvino
from onnx import TensorProto, helper, numpy_helper

X = np.ones((3, 1, 2), np.float32)


def backward_halves(*activations):
    weights = [
        numpy_helper.from_array(np.full((2, 6, 2), 0.5, np.float32), "W"),
        numpy_helper.from_array(np.full((2, 6, 2), 0.5, np.float32), "R"),
    ]
    node = helper.make_node(
        "GRU", ["X", "W", "R"], ["Y"], hidden_size=2, direction="bidirectional", activations=activations
    )
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, X.shape)]
    outputs = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (3, 2, 1, 2))]
    graph = helper.make_graph([node], "gru", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, sys.argv[1])
    right = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]).run(None, {"X": X})[0]
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    compiled = core.compile_model(core.read_model(sys.argv[1]), "CPU")
    return right[:, 1], compiled({"X": X})[compiled.output(0)][:, 1]


def same(one, other):
    return bool(np.allclose(one, other, rtol=0, atol=1e-5))


found = {}
for forward, backward in (
    (("Sigmoid", "Relu"), ("Sigmoid", "Tanh")),
    (("Sigmoid", "Tanh"), ("HardSigmoid", "Affine")),
    (("Sigmoid", "Relu"), ("Sigmoid", "Relu")),
):
    right, given = backward_halves(*forward, *backward)
    as_forward, _ = backward_halves(*forward, *forward)
    found[forward, backward] = (same(given, right), same(given, as_forward))
    first, computed = right[0].ravel().round(4).tolist(), given[0].ravel().round(4).tolist()
    print(f"forward {forward}, backward {backward}: backward half {computed}, right {first}")
if list(found.values()) != [(False, True), (False, True), (True, True)]:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: the backward direction is computed with the forward one's activations")
PY
