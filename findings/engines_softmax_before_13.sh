#!/usr/bin/env bash
# OpenVINO 2026.4.1 and OpenCV 5.0.0 compute a Softmax of opset 11 along one axis, where it is over all axes from that one on.
#
# Behaviour: up to opset 12 axis says where the input is cut in two, [d0 ... d(axis-1)] by [d(axis) ... dn], and each row of
#   that matrix adds up to 1. OpenVINO does so for opset 9, and for LogSoftmax and Hardmax in all, but for Softmax 11 it takes
#   the axis alone. OpenCV's dnn takes the axis alone in every opset and all three, and at opset 12 the last one by default,
#   as if it were 13. Nothing is said.
# Right: the specification of Softmax-11, and onnxruntime 1.32.0 and tract 0.23.9. Models of opset 11 and 12 are what older
#   exporters wrote; where what follows the axis is 1 long, as in a classifier's [N, C, 1, 1], both ways agree.
# Seen: x of (2, 3, 4), default axis. Sum over the last two axes, which is to be 1: OpenVINO 1 at opset 9, 4 at 11 and 12;
#   OpenCV 4 at 9 and 11, 3 at 12. LogSoftmax in OpenVINO: 1 at each.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import cv2
import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
from onnx import TensorProto, helper

SHAPE = (2, 3, 4)


def model(operator, opset):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "graph", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def onnxruntime(made, x):
    return ort.InferenceSession(made, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def openvino(made, x):
    core = ov.Core()
    return core.compile_model(core.read_model(made), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([x])[0]


def opencv(made, x):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(made, np.uint8))
    net.setInput(x, "x")
    return net.forward()


x = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
print("onnxruntime", ort.__version__, "| OpenVINO", ov.__version__, "| OpenCV", cv2.__version__)
found = {}
for operator in ("Softmax", "LogSoftmax"):
    for opset in (9, 11, 12, 13):
        for engine in (onnxruntime, openvino, opencv):
            y = engine(model(operator, opset), x)
            sums = (np.exp(y) if operator == "LogSoftmax" else y).sum(axis=(1, 2))
            assert np.allclose(sums, np.rint(sums), atol=1e-4)
            found[operator, opset, engine.__name__] = int(np.rint(sums[0]))
        print(operator, opset, {engine.__name__: found[operator, opset, engine.__name__] for engine in (onnxruntime, openvino, opencv)})
for operator in ("Softmax", "LogSoftmax"):
    for opset, right in ((9, 1), (11, 1), (12, 1), (13, 3)):
        assert found[operator, opset, "onnxruntime"] == right
        assert found[operator, opset, "openvino"] == (4 if operator == "Softmax" and opset in (11, 12) else right)
        assert found[operator, opset, "opencv"] == (4 if opset < 12 else 3)
PY
