#!/usr/bin/env bash
# onnxruntime 1.32.0's quantize_static takes a mask of -inf for a range, and writes a model that gives only constants.
#
# Behaviour: an attention's causal mask is a constant of 0 and -inf, added before Softmax. quantize_static measures it as
#   [-inf, 0], sets the scale inf, and goes through with a RuntimeWarning of numpy at most. QDQ gives 0 everywhere;
#   QOperator gives 0.5 everywhere, in rows of 4.
# Right: rows of Softmax sum to 1. ONNX operator QuantizeLinear-13 divides by the scale and saturates: with scale inf
#   all becomes the zero point, and DequantizeLinear gives 0 * inf, which is NaN. A range has to be finite.
# Seen: scales of the mask and of the sum are inf in both formats; row sums 1 in float, 0 in QDQ, 2 in QOperator.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 sympy==1.14.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

rng = np.random.default_rng(0)
mask = np.where(np.tril(np.ones((4, 4))), 0, -np.inf).astype(np.float32)
weights = rng.standard_normal((3, 4)).astype(np.float32)
batches = [rng.standard_normal((4, 3)).astype(np.float32) for _ in range(8)]
nodes = [
    helper.make_node("MatMul", ["x", "weights"], ["scores"]),
    helper.make_node("Add", ["scores", "mask"], ["masked"]),
    helper.make_node("Softmax", ["masked"], ["y"], axis=-1),
]
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [4, 3]), ("y", [4, 4])))
held = [numpy_helper.from_array(value, name) for name, value in (("mask", mask), ("weights", weights))]
graph = helper.make_graph(nodes, "attention", [x], [y], held)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")


class Batches(CalibrationDataReader):
    def __init__(self):
        self.left = iter(batches)

    def get_next(self):
        value = next(self.left, None)
        return None if value is None else {"x": value}


def run(path):
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": batches[0]})[0]


right = run("float.onnx")
print("onnxruntime", ort.__version__, "row sums in float:", right.sum(axis=-1).round(2).tolist())
changed = []
for form in (QuantFormat.QDQ, QuantFormat.QOperator):
    quantize_static("float.onnx", "quantised.onnx", Batches(), quant_format=form)
    scales = [held for held in onnx.load("quantised.onnx").graph.initializer if held.name.endswith("scale")]
    infinite = sorted(held.name for held in scales if np.isinf(numpy_helper.to_array(held)).any())
    y = run("quantised.onnx")
    print(f"row sums in {form.name}: {y.sum(axis=-1).round(2).tolist()}, scales that are inf: {infinite}")
    if infinite != ["mask_scale", "masked_scale"] or np.unique(y).size != 1 or np.abs(y - right).max() < 0.4:
        changed.append(f"{form.name}: scales of inf {infinite}, values {np.unique(y)}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: scales of inf, and a model that gives constants")
PY
