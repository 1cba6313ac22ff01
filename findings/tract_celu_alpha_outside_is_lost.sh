#!/usr/bin/env bash
# tract 0.23.9 computes Celu as exp(x / alpha) - 1 below zero: the alpha before it is lost.
#
# Behaviour: with any alpha but 1 negative numbers come out divided by alpha, in float32 and float16.
# Right: max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) (ONNX, Celu-12); onnxruntime, OpenVINO 2026.4.1 and OpenCV 5.0.0 give
#   that.
# Seen: alpha = 2: -0.39 becomes half of what it is.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 tract==0.23.9
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
import tract
from onnx import helper

ort.set_default_logger_severity(3)


def tract_of(model):
    onnx.save(model, "m.onnx")
    plan = tract.onnx().load("m.onnx").into_model().into_runnable()
    return lambda feeds: [each.to_numpy() for each in plan.run(list(feeds.values()))]


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


x = np.array([[-3, -1, -0.5, 0, 0.5, 2]], np.float32)
changed = False
for alpha in (1.0, 2.0, 0.5):
    model = model_of("Celu", {"x": x}, {"y": onnx.TensorProto.FLOAT}, 12, alpha=alpha)
    right = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.allclose(right, np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)), atol=1e-6)
    (y,) = tract_of(model)({"x": x})
    print(f"alpha = {alpha}: {y.ravel()} for {right.ravel()}")
    changed |= not np.allclose(y, np.where(x < 0, right / alpha, right), atol=1e-5)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: alpha divides x, and multiplies nothing")
PY
