#!/usr/bin/env bash
# TVM 0.27's ONNX frontend gives Expand's result the shape known at run time, and does not broadcast it with the data.
#
# Behaviour: where the shape is not a constant and a dim of the data is larger than its own (a 1 there means "as the data has
#   it"), what comes out has the second input's shape and a part of the numbers. Nothing is said, by import, compilation or
#   run. A constant shape is right, and so is one that names every dim.
# Right: Expand broadcasts both ways, as numpy does (ONNX, Expand: "dim in shape is 1" is its own example), so a state of a
#   batch of three, expanded to [2, 1, 6], is [2, 3, 6].
# Seen: data [3, 1] expanded to [2, 1, 6] comes out as [2, 1, 6] with the first row alone; onnxruntime gives [2, 3, 6].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq apache-tvm==0.27.0.post1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY' 2> log || { cat log >&2; exit 1; }
import numpy as np
import onnxruntime as ort
import tvm
from onnx import TensorProto, checker, helper
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

ort.set_default_logger_severity(3)
rows = np.array([[1], [2], [3]], np.float32)


def expanded(shape):
    """The same data expanded to a shape, by onnxruntime and by TVM."""
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Expand", ["rows", "shape"], ["out"])],
            "expand",
            [
                helper.make_tensor_value_info("rows", TensorProto.FLOAT, rows.shape),
                helper.make_tensor_value_info("shape", TensorProto.INT64, [3]),
            ],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["a", "b", "c"])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(model, full_check=True)
    named = np.array(shape, np.int64)
    right = ort.InferenceSession(model.SerializeToString()).run(None, {"rows": rows, "shape": named})[0]
    machine = relax.VirtualMachine(tvm.compile(from_onnx(model), target="llvm"), tvm.cpu())
    return right, machine["main"](tvm.runtime.tensor(rows), tvm.runtime.tensor(named)).numpy()


right, out = expanded([2, 3, 6])
assert np.array_equal(out, right), "a shape that names every dim was right"
right, out = expanded([2, 1, 6])
print("onnxruntime:", right.shape, "TVM:", out.shape, "holding", np.unique(out))
assert right.shape == (2, 3, 6), right.shape
assert out.shape == (2, 1, 6), f"TVM now gives {out.shape}"
PY
