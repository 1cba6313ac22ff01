#!/usr/bin/env bash
# MNN 3.6.1 cuts a Split into num_outputs parts of equal length, and drops what is left over.
#
# Behaviour: 7 rows split into num_outputs = 3 parts come out as 2, 2 and 2 rows; the last row is in none. The converter and
#   the module say nothing. With the lengths written out (input "split") the same cut is right, and so are 6 rows in 3 parts.
# Right: parts of ceil(7 / 3) = 3 rows, the last one smaller: 3, 3, 1 (ONNX, Split-18: "If the tensor is not evenly
#   splittable into num_outputs, the last chunk will be smaller"); onnxruntime, tract and OpenCV 5 give that.
# Seen: parts of 2, 2, 2 rows.
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
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(3)


def rows_of_parts(rows, lengths, written):
    """The rows that each part of a Split has in MNN, once onnxruntime's are what the specification says."""
    x = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    outputs = ["a", "b", "c"]
    if written:
        node = helper.make_node("Split", ["x", "lengths"], outputs, axis=0)
        held = [numpy_helper.from_array(np.array(lengths), "lengths")]
    else:
        node, held = helper.make_node("Split", ["x"], outputs, axis=0, num_outputs=3), []
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [n, 2]) for name, n in zip(outputs, lengths)]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])]
    graph = helper.make_graph([node], "parts", given, ends, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "m.onnx")
    right = ort.InferenceSession("m.onnx").run(None, {"x": x})
    assert [len(part) for part in right] == lengths
    command = ["venv/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "parts"]
    subprocess.run([*command, "--keepInputFormat"], check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["x"], outputs)
    variable = MNN.expr.placeholder(list(x.shape), MNN.expr.NCHW)
    variable.write(x)
    return [part.shape[0] for part in net.forward([variable])]


seen = {
    "7 rows, num_outputs": rows_of_parts(7, [3, 3, 1], written=False),
    "7 rows, lengths": rows_of_parts(7, [3, 3, 1], written=True),
    "6 rows, num_outputs": rows_of_parts(6, [2, 2, 2], written=False),
}
print(seen)
if seen != dict(zip(seen, ([2, 2, 2], [3, 3, 1], [2, 2, 2]))):
    sys.exit("CHANGED")
print("AS DESCRIBED: the seventh row is in no part")
PY
