#!/usr/bin/env bash
# OpenCV 5.0.0's dnn runs a GRU of several sequences without initial_h once, and fails when it is run again.
# Behaviour: the first forward is right. The second of the same net, with the same input, raises "Initial hidden state blob has
#   incorrect dimensions". With one sequence, or with an initial_h of zeros, it runs as often as one likes.
# Right: ONNX operator GRU-14: without initial_h the state is zero at the start, of each run. onnxruntime runs it again and again.
# Seen: batch 2 without initial_h: right, then the error; batch 1, and batch 2 with zeros: right three times.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - 3>&1 >log 2>&1 <<'PY'
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

report = open(3, "w")
steps, size, hidden = 4, 3, 2
rng = np.random.default_rng(4)
shapes = {"W": (1, 3 * hidden, size), "R": (1, 3 * hidden, hidden), "B": (1, 6 * hidden)}
held = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def save(batch, zeros):
    weights = held | ({"h0": np.zeros((1, batch, hidden), np.float32)} if zeros else {})
    names = ["X", "W", "R", "B", *(["", "h0"] if zeros else [])]
    node = helper.make_node("GRU", names, ["Y", "Y_h"], hidden_size=hidden, linear_before_reset=1)
    ends = {"X": (steps, batch, size), "Y": (steps, 1, batch, hidden), "Y_h": (1, batch, hidden)}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends.items()]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph([node], "gru", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "gru.onnx")


found = {}
for batch, zeros in ((1, False), (2, False), (2, True)):
    save(batch, zeros)
    x = rng.standard_normal((steps, batch, size)).astype(np.float32)
    session = onnxruntime.InferenceSession("gru.onnx", providers=["CPUExecutionProvider"])
    net = cv2.dnn.readNetFromONNX("gru.onnx")
    said = []
    for _ in range(3):
        right = session.run(None, {"X": x})[0]
        try:
            net.setInput(x, "X")
            said.append("right" if np.abs(net.forward(["Y", "Y_h"])[0] - right).max() < 1e-5 else "wrong")
        except cv2.error as error:
            said.append("fails" if "Initial hidden state" in str(error) else str(error))
    found[batch, zeros] = said
    print(f"batch {batch}{', initial_h of zeros' * zeros}: {', '.join(said)}", file=report)
expected = {(1, False): ["right"] * 3, (2, False): ["right", "fails", "fails"], (2, True): ["right"] * 3}
if found != expected:
    print(f"CHANGED: {found}", file=report, flush=True)
    sys.exit(1)
print("AS DESCRIBED: it runs once", file=report)
PY
