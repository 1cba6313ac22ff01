#!/usr/bin/env bash
# OpenVINO 2026.4.1, tract 0.23.9, OpenCV 5.0.0 and nxrt 0.1.0.dev6 load what a newer opset added to an operator, and leave it
# out.
#
# Behaviour: Attention of opset 25 with a window gives the numbers of Attention without one, and SpaceToDepth of opset 28 with mode
#   = "CRD" those of "DCR". None of the four refuses the opset or the attribute.
# Right: the window of left_window_size and right_window_size (ONNX, Attention-25), depth last to be split (SpaceToDepth-28);
#   onnxruntime does both.
# Seen: equal to the run without the attribute, to the last bit or to rounding, in all four.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 openvino==2026.4.1 tract==0.23.9 opencv-python-headless==5.0.0.93 nxrt==0.1.0.dev6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import nxrt
import onnx
import onnxruntime as ort
import openvino
import tract
from onnx import helper

ort.set_default_logger_severity(3)


def openvino_of(model):
    core = openvino.Core()
    loaded = core.read_model(model.SerializeToString())
    compiled = core.compile_model(loaded, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda feeds: [np.array(compiled(list(feeds.values()))[each]) for each in compiled.outputs]


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


def nxrt_of(model):
    onnx.save(model, "n.onnx")
    session = nxrt.InferenceSession("n.onnx")
    return lambda feeds: session.run([each.name for each in model.graph.output], feeds)


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
query = {name: rng.standard_normal((1, 2, 5, 8)).astype(np.float32) for name in "qkv"}
image = {"x": rng.standard_normal((1, 2, 4, 6)).astype(np.float32)}
cases = [("Attention", query, 25, {"left_window_size": 1, "right_window_size": 0}, {}),
         ("SpaceToDepth", image, 28, {"blocksize": 2, "mode": "CRD"}, {"blocksize": 2})]
engines = {"OpenVINO": openvino_of, "tract": tract_of, "OpenCV": opencv_of, "nxrt": nxrt_of}
changed = False
for operator, feeds, opset, newer, older in cases:
    with_it = model_of(operator, feeds, {"y": onnx.TensorProto.FLOAT}, opset, **newer)
    without = model_of(operator, feeds, {"y": onnx.TensorProto.FLOAT}, opset, **older)
    right, plain = (ort.InferenceSession(each.SerializeToString()).run(None, feeds)[0] for each in (with_it, without))
    assert np.abs(right - plain).max() > 0.1
    for engine, load in engines.items():
        (y,) = load(with_it)(feeds)
        off, same = np.abs(y - right).max(), np.abs(y - plain).max()
        print(f"{operator}-{opset} in {engine}: {off:.2f} from the right result, {same:.0e} from the one without {sorted(newer)[-1]}")
        changed |= bool(same > 1e-5 or off < 0.1)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: a newer opset's attributes are not read, and nothing says so")
PY
