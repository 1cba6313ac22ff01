#!/usr/bin/env bash
# OpenCV 5.0.0's dnn pads auto_pad = "SAME_LOWER" as "SAME_UPPER": Conv, MaxPool and AveragePool are shifted by one.
#
# Behaviour: where the padding is uneven, the odd element goes to the end for both words.
# Right: to the beginning for SAME_LOWER (ONNX, Conv-11, MaxPool-12, AveragePool-11); onnxruntime, OpenVINO 2026.4.1 and tract
#   0.23.9 do that.
# Seen: equal to the SAME_UPPER result in all three, in one and two dimensions.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$dir"
venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

ort.set_default_logger_severity(3)


def opencv_of(model):
    def run(feeds):
        net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
        for name, value in feeds.items():
            net.setInput(value, name)
        return list(net.forward([each.name for each in model.graph.output]))

    return run


def model_of(operator, feeds, outputs, opset, **attributes):
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feeds.items()}
    ends = [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in feeds.items()]
    node = helper.make_node(operator, list(feeds), list(outputs), **attributes)
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    graph = helper.make_graph([node], "one", ends, results)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    made = onnx.shape_inference.infer_shapes(made, strict_mode=True)
    onnx.checker.check_model(made, full_check=True)
    return made


rng = np.random.default_rng(0)
x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 2, 6, 6), (2, 2, 2, 2)))
changed = False
for operator, opset, feeds, more in (
    ("Conv", 11, {"x": x, "w": w}, {}),
    ("MaxPool", 12, {"x": x}, {"kernel_shape": [2, 2]}),
    ("AveragePool", 11, {"x": x}, {"kernel_shape": [2, 2]}),
    ("MaxPool", 12, {"x": x[:, :, 0].copy()}, {"kernel_shape": [2]}),
):
    right, found = [], []
    for word in ("SAME_UPPER", "SAME_LOWER"):
        model = model_of(operator, feeds, {"y": onnx.TensorProto.FLOAT}, opset, auto_pad=word, **more)
        right.append(ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0])
        found.append(np.asarray(opencv_of(model)(feeds)[0]))
    upper, lower = (np.abs(a - b).max() for a, b in zip(found, right, strict=True))
    same = np.array_equal(*found)
    print(f"{operator} of {x.ndim if 'w' in feeds else feeds['x'].ndim} axes: SAME_UPPER off by {upper:.0e}, SAME_LOWER by {lower:.2f}; the two are {'equal' if same else 'not equal'}")
    changed |= bool(not same or upper > 1e-4 or lower < 0.1)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: one padding for both words")
PY
