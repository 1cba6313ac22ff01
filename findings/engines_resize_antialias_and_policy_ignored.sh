#!/usr/bin/env bash
# OpenVINO 2026.4.1 and OpenCV 5.0.0 read antialias and keep_aspect_ratio_policy of Resize nowhere.
#
# Behaviour: with antialias = 1 the numbers are those of antialias = 0; with keep_aspect_ratio_policy = "not_larger" the image is
#   stretched. OpenVINO leaves out exclude_outside, too.
# Right: ONNX, Resize-18; onnxruntime gives that. nxrt 0.1.0.dev6 refuses antialias.
# Seen: 2 x 2 to at most 7 x 8 becomes 7 x 8 for 7 x 7; sizes [3, 3] of a 4 x 4 ramp as without antialias.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 openvino==2026.4.1 opencv-python-headless==5.0.0.93
cd "$dir"
venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import openvino
from onnx import helper

ort.set_default_logger_severity(3)


def openvino_of(model):
    core = openvino.Core()
    loaded = core.read_model(model.SerializeToString())
    compiled = core.compile_model(loaded, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda feeds: [np.array(compiled(list(feeds.values()))[each]) for each in compiled.outputs]


def opencv_of(model):
    def run(feeds):
        net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
        for name, value in feeds.items():
            net.setInput(value, name)
        return list(net.forward([each.name for each in model.graph.output]))

    return run


def resize(x, **attributes):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], axes=[2, 3], **attributes)
    ends = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape),
            helper.make_tensor_value_info("sizes", onnx.TensorProto.INT64, [2])]
    graph = helper.make_graph([node], "resized", ends, [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, None, None])])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


x = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4) ** 2
small = x[:, :, :2, :2].copy()
changed = False
for name, image, sizes, plain, more, engines in (
    ("antialias", x, [3, 3], {"mode": "linear"}, {"antialias": 1}, ("OpenVINO", "OpenCV")),
    ("keep_aspect_ratio_policy", small, [7, 8], {"mode": "nearest"}, {"keep_aspect_ratio_policy": "not_larger"}, ("OpenVINO", "OpenCV")),
    ("exclude_outside", x, [8, 8], {"mode": "cubic"}, {"exclude_outside": 1}, ("OpenVINO",)),
):
    feeds = {"x": image, "sizes": np.array(sizes, np.int64)}
    models = [resize(image, **plain, **each) for each in (more, {})]
    right, without = (ort.InferenceSession(each.SerializeToString()).run(None, feeds)[0] for each in models)
    assert right.shape != without.shape or np.abs(right - without).max() > 0.1
    for engine in engines:
        load = openvino_of if engine == "OpenVINO" else opencv_of
        found = [np.asarray(load(each)(feeds)[0]) for each in models]
        same = found[0].shape == found[1].shape and np.array_equal(found[0], found[1])
        print(f"{engine}, {name}: {list(found[0].shape[2:])} for {list(right.shape[2:])}, {'as without it' if same else 'other numbers'}")
        changed |= not same
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: the attributes change nothing")
PY
