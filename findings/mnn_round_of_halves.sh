#!/usr/bin/env bash
# MNN 3.6.1 rounds halves away from zero, where ONNX's Round takes them to the even number.
#
# Behaviour: 0.5 becomes 1 and 2.5 becomes 3, in the middle of what a model spells as quantisation.
# Right: 0 and 2 (ONNX, Round-11: halves to the nearest even); onnxruntime, as numpy, does that.
# Seen: [1, 2, 3, -1, -3] for [0, 2, 2, 0, -2].
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


x = np.array([0.5, 1.5, 2.5, -0.5, -2.5, 0.4, 0.6], np.float32)
found, right = both("Round", {"x": x}, onnx.TensorProto.FLOAT, 11)
assert np.array_equal(right, np.round(x))
changed = not np.array_equal(found, np.trunc(x + np.copysign(0.5, x)))
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: halves go away from zero")
PY
