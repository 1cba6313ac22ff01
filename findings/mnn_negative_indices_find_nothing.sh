#!/usr/bin/env bash
# MNN 3.6.1 takes negative indices of GatherElements and OneHot for places that are not there.
#
# Behaviour: GatherElements gives 0 for them, OneHot a row of off values. Gather is right with the same indices.
# Right: they count from the end (ONNX, GatherElements-13, OneHot-11); onnxruntime does that.
# Seen: of a column [1, 2, 3] the indices 0, -1, -2 give 1, 0, 0 for 1, 3, 2.
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


column = np.array([[1], [2], [3]], np.float32)
back = np.array([[0], [-1], [-2]], np.int32)
gathered, right = both("GatherElements", {"x": column, "i": back}, onnx.TensorProto.FLOAT, 13, axis=0)
plain, same = both("Gather", {"x": column, "i": back.ravel()}, onnx.TensorProto.FLOAT, 13, axis=0)
feeds = {"i": back.ravel(), "depth": np.array(3, np.int32), "values": np.array([0, 1], np.float32)}
hot, rows = both("OneHot", feeds, onnx.TensorProto.FLOAT, 11)
negative = back.ravel() < 0
changed = not (
    np.array_equal(gathered, np.where(back < 0, 0, right))
    and np.array_equal(plain, same)
    and np.array_equal(hot, np.where(negative[:, None], 0, rows))
)
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: two of three operators do not count from the end")
PY
