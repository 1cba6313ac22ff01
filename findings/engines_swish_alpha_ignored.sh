#!/usr/bin/env bash
# tract 0.23.9, OpenCV 5.0.0 and onnx2fx 0.0.1 compute Swish with alpha = 1, whatever alpha says.
#
# Behaviour: x * sigmoid(x), without an error or a warning.
# Right: x * sigmoid(alpha * x) (ONNX, Swish-24); onnxruntime, OpenVINO 2026.4.1 and nxrt 0.1.0.dev6 give that.
# Seen: alpha = 0.5: all three as with alpha = 1. QuickGelu's 1.702 is such an alpha.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 tract==0.23.9 opencv-python-headless==5.0.0.93 onnx2fx==0.0.1 torch==2.13.0
cd "$dir"
venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import onnx
import onnx2fx
import onnxruntime as ort
import torch
import tract
from onnx import helper

ort.set_default_logger_severity(3)


def tract_of(model):
    onnx.save(model, "m.onnx")
    plan = tract.onnx().load("m.onnx").into_model().into_runnable()
    return lambda feeds: [each.to_numpy() for each in plan.run(list(feeds.values()))]


def opencv_of(model):
    def run(feeds):
        net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
        for name, value in feeds.items():
            net.setInput(value, name)
        return list(net.forward([each.name for each in model.graph.output]))

    return run


def onnx2fx_of(model):
    module = onnx2fx.convert(model)

    def run(feeds):
        found = module(*[torch.from_numpy(each.copy()) for each in feeds.values()])
        return [each.numpy() for each in (found if isinstance(found, tuple | list) else (found,))]

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


x = np.linspace(-4, 4, 8, dtype=np.float32).reshape(2, 4)
changed = False
for alpha in (0.5, 1.702):
    model = model_of("Swish", {"x": x}, {"y": onnx.TensorProto.FLOAT}, 24, alpha=alpha)
    right = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.allclose(right, x / (1 + np.exp(-alpha * x)), atol=1e-5)
    for engine, load in (("tract", tract_of), ("OpenCV", opencv_of), ("onnx2fx", onnx2fx_of)):
        (y,) = load(model)({"x": x})
        off, same = np.abs(y - right).max(), np.abs(y - x / (1 + np.exp(-x))).max()
        print(f"alpha = {alpha} in {engine}: off by {off:.2f}, {same:.0e} from alpha = 1")
        changed |= bool(same > 1e-4)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: alpha is not read")
PY
