#!/usr/bin/env bash
# OpenCV 4.14.0's dnn does not load ONNX models in which two Concat, or Mul and Gemm, read the same constant.
#
# Behaviour: readNetFromONNX raises for a constant that two Concat read ("Layer ... already into net"), and for one that
#   Mul and then Gemm as its C read ("Gemm takes at most ...").
# Right: an initializer is a value like any other: ONNX's docs/IR.md lets any number of nodes read it. onnxruntime takes
#   both models, and OpenCV does once each node reads a copy of its own under another name.
# Why it matters: a tool that merges equal constants turns a model that loads into one that does not. Add, then Mul, load.
# Seen: both pairs raise with one constant, and load with two that are equal.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY' 2>&1 | grep -v "ERROR:0@"
import sys

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper


def model(nodes, held, y_shape):
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, [1, 2]), ("y", TensorProto.FLOAT, y_shape))]
    held = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "twice", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return made.SerializeToString()


def concats(second):
    nodes = [helper.make_node("Concat", ["x", "k"], ["a"], axis=1), helper.make_node("Concat", ["a", second], ["y"], axis=1)]
    return model(nodes, {name: [[2, 3]] for name in {"k", second}}, [1, 6])


def mul_gemm(second):
    nodes = [helper.make_node("Mul", ["x", "k"], ["a"]), helper.make_node("Gemm", ["a", "w", second], ["y"])]
    return model(nodes, {"w": np.eye(2), **{name: [2, 3] for name in {"k", second}}}, [1, 2])


print("OpenCV", cv2.__version__)
changed = []
for name, make in (("Concat, Concat", concats), ("Mul, Gemm", mul_gemm)):
    for second in ("k", "copy of k"):
        raised = ""
        try:
            cv2.dnn.readNetFromONNX(np.frombuffer(make(second), np.uint8))
        except cv2.error as error:
            raised = " ".join(str(error).split()).rpartition("error: ")[2]
        print(f"{name}, reading k and {second}: {'raised ' + raised if raised else 'loaded'}")
        if bool(raised) != (second == "k"):
            changed.append(f"{name}, {second}: {raised or 'loaded'}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: a constant that two nodes read is not loaded")
PY
