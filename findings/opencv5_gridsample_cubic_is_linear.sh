#!/usr/bin/env bash
# OpenCV 5.0.0's dnn computes GridSample's mode = "cubic" as "linear".
#
# Behaviour: the numbers of mode = "linear"; nothing is said.
# Right: ONNX, GridSample-20, cubic with a = -0.75; onnxruntime, OpenVINO 2026.4.1 and nxrt 0.1.0.dev6 give that.
# Seen: cubic is off by 0.38, and equal to linear to the last bit.
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
feeds = {"x": rng.standard_normal((1, 1, 5, 4)).astype(np.float32), "grid": rng.uniform(-0.9, 0.9, (1, 3, 4, 2)).astype(np.float32)}
found, right = {}, {}
for mode in ("linear", "cubic"):
    model = model_of("GridSample", feeds, {"y": onnx.TensorProto.FLOAT}, 20, mode=mode)
    right[mode] = ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0]
    found[mode] = np.asarray(opencv_of(model)(feeds)[0])
    print(f"{mode}: off by {np.abs(found[mode] - right[mode]).max():.2g}")
same = np.abs(found["cubic"] - found["linear"]).max()
print(f"cubic is {same:.0e} from linear")
changed = bool(same > 1e-5 or np.abs(found["cubic"] - right["cubic"]).max() < 0.1)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: cubic is computed as linear")
PY
