#!/usr/bin/env bash
# onnx2fx 0.0.1 cuts QLinearMatMul's result to 0 ... 255 when it is int8: all below zero becomes 0.
#
# Behaviour: int8 inputs, scales and zero points go through; the result is clipped as if it were uint8.
# Right: -128 ... 127 for an int8 zero point (ONNX, QLinearMatMul-10); onnxruntime and nxrt 0.1.0.dev6 give that.
# Seen: [-23, 19, -25, ...] becomes [0, 19, 0, ...].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 onnx2fx==0.0.1 torch==2.13.0
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnx2fx
import onnxruntime as ort
import torch
from onnx import helper

ort.set_default_logger_severity(3)


def onnx2fx_of(model):
    module = onnx2fx.convert(model)

    def run(feeds):
        found = module(*[torch.from_numpy(each.copy()) for each in feeds.values()])
        return [each.numpy() for each in (found if isinstance(found, tuple | list) else (found,))]

    return run


rng = np.random.default_rng(0)
scale, zero = np.array(0.01, np.float32), np.array(0, np.int8)
feeds = {"a": rng.integers(-100, 100, (4, 8)).astype(np.int8), "b": rng.integers(-100, 100, (8, 3)).astype(np.int8)}
constants = {"s": scale, "z": zero, "ys": np.array(0.05, np.float32), "yz": np.array(5, np.int8)}
node = helper.make_node("QLinearMatMul", ["a", "s", "z", "b", "s", "z", "ys", "yz"], ["y"])
ends = [helper.make_tensor_value_info(name, onnx.TensorProto.INT8, value.shape) for name, value in feeds.items()]
graph = helper.make_graph([node], "product", ends, [helper.make_tensor_value_info("y", onnx.TensorProto.INT8, [4, 3])],
                          [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
right = ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0]
(y,) = onnx2fx_of(model)(feeds)
print(f"right: {right.ravel()}")
print(f"found: {y.ravel()}")
changed = bool((right >= 0).all() or not np.array_equal(y, np.where(right < 0, 0, right)))
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: nothing is below zero")
PY
