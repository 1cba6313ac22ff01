#!/usr/bin/env bash
# onnx 1.23.2 writes small constants as external data, then its full check and onnxruntime 1.32.0 refuse what it wrote.
#
# Behaviour: onnx.save(save_as_external_data=True, size_threshold=0) moves every initializer to the data file, the axes of
#   Unsqueeze and the shape of Reshape with them. check_model(path, full_check=True) and an onnxruntime session then fail
#   in shape inference: "Cannot parse data from external tensors".
# Right: onnx's docs/IR.md lets any TensorProto keep its data outside. The model is the one that passed before it was
#   saved; check_model(path) without full_check, and onnx.load with its check after it, take it.
# Seen: Unsqueeze, Squeeze, Reshape, Expand, Slice, Pad, Tile and ReduceSum: all eight refused by both as saved; all eight
#   taken, with the right numbers, once loaded into memory.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)
cases = {
    "Unsqueeze": ([2, 3], [1, 2, 3], [[0]]), "Squeeze": ([1, 3], [3], [[0]]), "Reshape": ([2, 3], [6], [[6]]),
    "Expand": ([1, 3], [2, 3], [[2, 3]]), "Slice": ([4], [2], [[0], [2]]), "Pad": ([4], [6], [[1, 1]]),
    "Tile": ([2], [4], [[2]]), "ReduceSum": ([2, 3], [1, 3], [[0]]),
}


def session(model):
    return ort.InferenceSession(model, providers=["CPUExecutionProvider"])


def refused(call):
    try:
        call()
    except Exception as error:  # each package has classes of its own
        return "Cannot parse data from external tensors" in str(error)
    return False


print("onnx", onnx.__version__, "onnxruntime", ort.__version__)
changed = []
for op, (before, after, constants) in cases.items():
    names = [f"c{at}" for at in range(len(constants))]
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, before), ("y", TensorProto.FLOAT, after))]
    held = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in zip(names, constants)]
    graph = helper.make_graph([helper.make_node(op, ["x", *names], ["y"])], "one", ends[:1], ends[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    x = np.arange(np.prod(before), dtype=np.float32).reshape(before)
    right = session(model.SerializeToString()).run(None, {"x": x})[0]
    path = f"{op}.onnx"
    onnx.save(model, path, save_as_external_data=True, location=f"{op}.data", size_threshold=0)
    onnx.checker.check_model(path)
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded, full_check=True)
    same = np.array_equal(session(loaded.SerializeToString()).run(None, {"x": x})[0], right)
    by = [refused(lambda: onnx.checker.check_model(path, full_check=True)), refused(lambda: session(path))]
    print(f"{op}: as saved refused by the full check: {by[0]}, by onnxruntime: {by[1]}; loaded by onnx the same: {same}")
    if by != [True, True] or not same:
        changed.append(f"{op}: refused {by}, the same {same}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: small constants in external data are refused")
PY
