#!/usr/bin/env bash
# onnx2tf 1.29.24 leaves out the Transpose of a square matrix that the model computes or is given.
#
# Behaviour: the converter says nothing, and the LiteRT model gives x for Transpose(x) where both axes are as long.
# Right: ONNX operator Transpose-13 with perm = [1, 0]: y[i, j] is x[j, i], whatever the lengths.
# Seen: x itself for [4, 4], with perm and without; the transposed matrix for [4, 3].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx2tf==1.29.24 ai-edge-litert==2.1.0 onnx==1.19.1 onnxruntime==1.23.0 tensorflow==2.19.0 tf-keras==2.19.0 numpy==1.26.4
cd "$dir"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - 2> log.txt <<'PY' || { tail -5 log.txt >&2; exit 1; }
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnx2tf
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper


def both(name, rows, columns, **attributes):
    x = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, [rows, columns]), ("y", TensorProto.FLOAT, [columns, rows]))]
    graph = helper.make_graph([helper.make_node("Transpose", ["x"], ["y"], **attributes)], name, ends[:1], ends[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, f"{name}.onnx")
    right = ort.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    onnx2tf.convert(input_onnx_file_path=f"{name}.onnx", output_folder_path=name, non_verbose=True)
    net = Interpreter(str(Path(name, f"{name}_float32.tflite")))
    net.allocate_tensors()
    net.set_tensor(net.get_input_details()[0]["index"], x)
    net.invoke()
    return x, right, net.get_tensor(net.get_output_details()[0]["index"])


print("onnx2tf", version("onnx2tf"))
changed = []
for name, rows, columns, attributes in (
    ("square", 4, 4, {"perm": [1, 0]}), ("default", 4, 4, {}), ("oblong", 4, 3, {"perm": [1, 0]}),
):
    x, right, seen = both(name, rows, columns, **attributes)
    transposed, untouched = np.array_equal(seen, right), np.array_equal(seen, x)
    print(f"{name}: [{rows}, {columns}], transposed: {transposed}, x itself: {untouched}")
    if (transposed, untouched) != (rows != columns, rows == columns):
        changed.append(name)
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: the Transpose of a square matrix is lost")
PY
