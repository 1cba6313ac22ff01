#!/usr/bin/env bash
# MNN 3.6.1 reads noop_with_empty_axes nowhere: a reduction of no axes reduces them all.
#
# Behaviour: ReduceSum and ReduceMean with noop_with_empty_axes = 1 and no axes give a single number; the converter and the
#   module say nothing.
# Right: the input as it is (ONNX, ReduceSum-13 and ReduceMean-18); onnxruntime, tract and OpenCV 5 give that.
# Seen: [7, 2] becomes [1, 1].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 mnn==3.6.1 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import subprocess
import sys

import MNN
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

ort.set_default_logger_severity(3)
x = np.arange(14, dtype=np.float32).reshape(7, 2)
changed = False
for operator in ("ReduceSum", "ReduceMean"):
    node = helper.make_node(operator, ["x"], ["y"], noop_with_empty_axes=1)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [7, 2]) for name in ("x", "y")]
    graph = helper.make_graph([node], "reduced", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    assert np.array_equal(ort.InferenceSession("m.onnx").run(None, {"x": x})[0], x)
    command = ["venv/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "reduced"]
    subprocess.run([*command, "--keepInputFormat"], check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["x"], ["y"])
    variable = MNN.expr.placeholder(list(x.shape), MNN.expr.NCHW)
    variable.write(x.copy())
    y = np.array(net.forward([variable])[0].read())
    print(f"{operator}: {list(x.shape)} becomes {list(y.shape)}: {y.ravel()[:4]}")
    changed |= y.size != 1
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: nothing to reduce is taken for everything")
PY
