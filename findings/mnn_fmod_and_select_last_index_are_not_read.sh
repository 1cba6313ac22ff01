#!/usr/bin/env bash
# MNN 3.6.1 reads neither fmod of Mod nor select_last_index of ArgMax and ArgMin.
#
# Behaviour: floats, for which fmod = 1 is the only choice, get the divisor's sign, and of equal values the first index is given;
#   the converter says nothing.
# Right: the dividend's sign (ONNX, Mod-13), the last index (ArgMax-13); onnxruntime does both.
# Seen: -7.0 mod 3.0 is 2 for -1; of [1, 1, 1] index 0 for 2.
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


a, b = (np.array(each, np.float32) for each in ([-7, 7, -7, 7], [3, -3, -3, 3]))
changed = False
found, right = both("Mod", {"a": a, "b": b}, onnx.TensorProto.FLOAT, 13, fmod=1)
changed |= not (np.array_equal(right, np.fmod(a, b)) and np.array_equal(found, np.mod(a, b)))
for operator in ("ArgMax", "ArgMin"):
    found, right = both(operator, {"x": np.ones((2, 3), np.float32)}, onnx.TensorProto.INT64, 13, axis=1, select_last_index=1)
    changed |= not ((right == 2).all() and (found == 0).all())
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: the attributes change nothing")
PY
