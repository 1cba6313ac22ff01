#!/usr/bin/env bash
# OpenVINO 2026.4.1 and OpenCV 5.0.0 count MaxPool's Indices along the rows, when storage_order = 1 asks for columns.
#
# Behaviour: OpenCV gives the indices of storage_order = 0; OpenVINO the same ones, in the order of the transposed output, so that
#   they no longer stand beside their values.
# Right: with storage_order = 1 an index counts down the columns (ONNX, MaxPool-12); onnxruntime and tract 0.23.9 give that.
# Seen: [6, 2, 5, 19, 21, 23] in OpenCV, [6, 19, 2, 21, 5, 23] in OpenVINO, for [1, 8, 20, 7, 15, 23].
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


feeds = {"x": np.random.default_rng(0).standard_normal((1, 1, 4, 6)).astype(np.float32)}
outputs = {"y": onnx.TensorProto.FLOAT, "indices": onnx.TensorProto.INT64}
models = [model_of("MaxPool", feeds, outputs, 12, kernel_shape=[2, 2], strides=[2, 2], storage_order=each) for each in (0, 1)]
rows, columns = (ort.InferenceSession(each.SerializeToString()).run(None, feeds)[1].ravel() for each in models)
assert rows.tolist() != columns.tolist()
changed = False
turned = rows.reshape(2, 3).T.ravel().tolist()
for engine, load, expected in (("OpenVINO", openvino_of, turned), ("OpenCV", opencv_of, rows.tolist())):
    found = [np.asarray(load(each)(feeds)[1]).ravel().astype(int).tolist() for each in models]
    print(f"{engine}: {found[1]} for {columns.tolist()}; storage_order = 0 gives {found[0]}")
    changed |= found != [rows.tolist(), expected]
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: no index counts along the columns")
PY
