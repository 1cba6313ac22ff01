#!/usr/bin/env bash
# MNN 3.6.1 computes Shrink above lambd alone: whatever is below -lambd becomes 0.
#
# Behaviour: the negative side of the operator is missing, with any bias.
# Right: x + bias for x < -lambd, x - bias for x > lambd, otherwise 0 (ONNX, Shrink-9); onnxruntime gives that.
# Seen: -2 becomes 0 for -1.7 (lambd = 0.5, bias = 0.3).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 mnn==3.6.1
cd "$dir"
venv/bin/python - <<'PY'
import pathlib
import subprocess
import sys

import MNN
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

ort.set_default_logger_severity(3)


def model_of(operator, feeds, kind, opset, **attributes):
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feeds.items()}
    ends = [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in feeds.items()]
    node = helper.make_node(operator, list(feeds), ["y"], **attributes)
    graph = helper.make_graph([node], "one", ends, [helper.make_tensor_value_info("y", kind, None)])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    made = onnx.shape_inference.infer_shapes(made, strict_mode=True)
    onnx.checker.check_model(made, full_check=True)
    return made


def mnn_of(model, feeds):
    onnx.save(model, "m.onnx")
    pathlib.Path("m.mnn").unlink(missing_ok=True)
    command = ["venv/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "one"]
    subprocess.run([*command, "--keepInputFormat"], check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", list(feeds), ["y"])
    variables = []
    for value in feeds.values():
        kind = MNN.numpy.float32 if value.dtype == np.float32 else MNN.numpy.int32
        variable = MNN.expr.placeholder(list(value.shape), MNN.expr.NCHW, kind)
        variable.write(value.copy())
        variables.append(variable)
    return np.array(net.forward(variables)[0].read())


def both(operator, feeds, kind, opset, **attributes):
    model = model_of(operator, feeds, kind, opset, **attributes)
    right = ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0]
    found = mnn_of(model, feeds)
    print(f"{operator} {attributes or ''}: {found.ravel().tolist()} for {right.ravel().tolist()}")
    return found, right


x = np.linspace(-2, 2, 9, dtype=np.float32)
changed = False
for bias in (0.0, 0.3):
    found, right = both("Shrink", {"x": x}, onnx.TensorProto.FLOAT, 9, lambd=0.5, bias=bias)
    changed |= not np.allclose(found, np.maximum(right, 0), atol=1e-6)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: negative numbers shrink to nothing")
PY
