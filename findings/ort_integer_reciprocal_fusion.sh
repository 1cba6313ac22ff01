#!/usr/bin/env bash
# onnxruntime 1.32.0 rewrites (1 / x) * w as w / x for integers too, where the two are not the same.
#
# Behaviour: at the default optimisation level Div(1, x) followed by Mul by w becomes one Div(w, x), also for int32 and
#   int64 tensors.
# Right: ONNX operator Div-14: integer division truncates. 1 / x is then 0 for every x beyond ±1, and so is its product
#   with w. The session without optimisation says so, and so does onnx's reference evaluator.
# Seen: for x = [2, 3, 1, 5] and w = [10, 9, 8, 7]: [0, 0, 8, 0] without optimisation, [5, 3, 8, 1] with it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

feeds = {"x": [2, 3, 1, 5], "w": [10, 9, 8, 7]}
right, fused = [0, 0, 8, 0], [5, 3, 8, 1]
levels = ort.GraphOptimizationLevel
changed = []
print("onnxruntime", ort.__version__)
for dtype in (np.int32, np.int64):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    x, w, y = (helper.make_tensor_value_info(name, kind, [4]) for name in "xwy")
    nodes = [helper.make_node("Div", ["one", "x"], ["inverse"]), helper.make_node("Mul", ["inverse", "w"], ["y"])]
    graph = helper.make_graph(nodes, "inverse", [x, w], [y], [numpy_helper.from_array(dtype(1), "one")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    inputs = {name: np.array(value, dtype) for name, value in feeds.items()}
    got = {"reference": ReferenceEvaluator(model).run(None, inputs)[0].tolist()}
    for level in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        got[level.name] = session.run(None, inputs)[0].tolist()
    print(np.dtype(dtype).name, got)
    if got != {"reference": right, "ORT_DISABLE_ALL": right, "ORT_ENABLE_ALL": fused}:
        changed.append(f"{np.dtype(dtype).name} gives {got}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: integer (1 / x) * w becomes w / x when optimised")
PY
