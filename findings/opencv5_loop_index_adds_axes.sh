#!/usr/bin/env bash
# OpenCV 5.0.0's dnn counts a Loop's iterations in a matrix of 1 x 1: what is gathered by the count gets two axes too many.
#
# Behaviour: Gather(X, i), the usual way to read a frame in a Loop, gives (1, 1, B, I) of X (T, B, I), where the count i is of
#   rank 0. Axes are carried on from there: a state to which the frame is added leaves the Loop with them, whatever
#   shapes the model declares. The numbers are right, nothing is said, and who reads axis 1 reads another one.
# Right: "iter_num: a scalar INT64 tensor" (ONNX, Loop), and Gather's output has the axes of X and of the indices but one.
# Seen: the sum of 5 frames of (2, 4): onnxruntime 1.32.0 gives (2, 4) and the frames (5, 2, 4), OpenCV (1, 1, 2, 4) and
#   (5, 1, 1, 2, 4). When a constant is added in place of the frame: (2, 4) and (5, 2, 4) in both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
info, node = helper.make_tensor_value_info, helper.make_node


def summing(what):
    body = helper.make_graph(
        [
            *([node("Gather", ["x", "i"], ["frame"], axis=0)] if what == "frame" else []),
            node("Add", ["sum", what], ["next"]),
            node("Identity", ["go"], ["go_on"]),
            node("Identity", ["next"], ["each"]),
        ],
        "body",
        [info("i", INT64, []), info("go", BOOL, []), info("sum", FLOAT, [2, 4])],
        [info("go_on", BOOL, []), info("next", FLOAT, [2, 4]), info("each", FLOAT, [2, 4])],
    )
    held = {
        "trips": np.array(5),
        "true": np.array(True),
        "zero": np.zeros((2, 4), np.float32),
        "one": np.ones((2, 4), np.float32),
    }
    graph = helper.make_graph(
        [node("Loop", ["trips", "true", "zero"], ["last", "all"], body=body)],
        "graph",
        [info("x", FLOAT, [5, 2, 4])],
        [info("last", FLOAT, [2, 4]), info("all", FLOAT, [5, 2, 4])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


x = np.arange(40, dtype=np.float32).reshape(5, 2, 4)
print("OpenCV", cv2.__version__, "| onnxruntime", ort.__version__)
found = {}
for what in ("frame", "one"):
    right = ort.InferenceSession(summing(what), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    net = cv2.dnn.readNetFromONNX(np.frombuffer(summing(what), np.uint8))
    net.setInput(x, "x")
    given = net.forward(["last", "all"])
    assert all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(right, given, strict=True))
    found[what] = [a.shape for a in right], [a.shape for a in given]
    print(f"{what} added: onnxruntime {found[what][0]}, OpenCV {found[what][1]}")
assert found["one"] == ([(2, 4), (5, 2, 4)],) * 2
assert found["frame"] == ([(2, 4), (5, 2, 4)], [(1, 1, 2, 4), (5, 1, 1, 2, 4)])
PY
