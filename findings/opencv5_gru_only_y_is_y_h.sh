#!/usr/bin/env bash
# OpenCV 5.0.0 gives the last state in the place of Y, when a GRU node has Y alone as its output.
#
# Behaviour: of a GRU node whose outputs are ["Y"], cv2.dnn gives [1, batch, hidden], the state of the last step, under the
#   name Y. With ["Y", "Y_h"] both are right. Nothing is said.
# Right: ONNX operator GRU-14: the first output is Y, [seq_length, num_directions, batch_size, hidden_size], whether the
#   second one is there or not. onnxruntime does so.
# Seen: 3 steps, batch 1, H = 2: Y of shape [1, 1, 2], equal to the last step.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
"$dir/venv/bin/python" - "$dir/gru.onnx" <<'PY'
import sys

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

X = np.array([[[1, 0]], [[0, 1]], [[1, 1]]], np.float32)
SHAPES = {"Y": (3, 1, 1, 2), "Y_h": (1, 1, 2)}


def outputs(*names):
    weights = [
        numpy_helper.from_array(np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 6, 2), "W"),
        numpy_helper.from_array(np.linspace(1, -1, 12, dtype=np.float32).reshape(1, 6, 2), "R"),
    ]
    node = helper.make_node("GRU", ["X", "W", "R"], list(names), hidden_size=2)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, X.shape)]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPES[name]) for name in names]
    made = helper.make_model(
        helper.make_graph([node], "gru", inputs, results, weights),
        opset_imports=[helper.make_opsetid("", 14)],
        ir_version=8,
    )
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, sys.argv[1])
    right = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]).run(None, {"X": X})[0]
    net = cv2.dnn.readNetFromONNX(sys.argv[1])
    net.setInput(X, "X")
    return right, net.forward(list(names))[0]


right, both = outputs("Y", "Y_h")
_, alone = outputs("Y")
found = (both.shape, bool(np.allclose(both, right, atol=1e-5)), alone.shape, bool(np.allclose(alone, right[-1], atol=1e-5)))
print(f"Y beside Y_h: {list(both.shape)}; Y alone: {list(alone.shape)} {alone.ravel().round(4).tolist()}")
print(f"right: {list(right.shape)}, its last step {right[-1].ravel().round(4).tolist()}")
if found != ((3, 1, 1, 2), True, (1, 1, 2), True):
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: a GRU's only output Y is its last state")
PY
