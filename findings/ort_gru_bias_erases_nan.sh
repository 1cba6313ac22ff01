#!/usr/bin/env bash
# onnxruntime 1.32.0's GRU and LSTM turn NaN into ordinary numbers as soon as they have a bias, even one of zeros.
#
# Behaviour: on the CPU, with the input B given, NaN in X, W or R never reaches Y. A GRU's step that meets NaN repeats the
#   state before it, so a GRU whose weights are all NaN gives 0; an LSTM's gates all open, so it gives 0.76 at its first
#   step. Without B the same NaN comes out as NaN. A diverged training run or a dead sensor cannot be seen behind them.
# Right: ONNX operators GRU-14 and LSTM-14 are sums, products, Sigmoid and Tanh, which give NaN for NaN in IEEE 754; an
#   absent B is said to be zeros, so a B of zeros may change nothing. onnx's reference evaluator gives NaN from that
#   step on, B or no B; and so does onnxruntime's RNN.
# Seen: NaN at step 1 of 3, NaN of 48 in Y: GRU and LSTM 32 without B and 0 with it; RNN and the reference 32 and 32.
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

steps, batch, size, hidden = 3, 1, 4, 16
x = np.random.default_rng(0).standard_normal((steps, batch, size)).astype(np.float32)
broken = x.copy()
broken[1] = np.nan


def model(op, gates, bias, factor=1.0):
    rng = np.random.default_rng(1)
    held = {
        "W": factor * rng.standard_normal((1, gates * hidden, size)),
        "R": factor * rng.standard_normal((1, gates * hidden, hidden)),
    }
    if bias:
        held["B"] = np.zeros((1, 2 * gates * hidden))
    node = helper.make_node(op, ["X", *held], ["Y"], hidden_size=hidden)
    ends = [("X", x.shape), ("Y", [steps, 1, batch, hidden])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    weights = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in held.items()]
    graph = helper.make_graph([node], op, ends[:1], ends[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made, value):
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": value})[0]


print("onnxruntime", ort.__version__)
found = {}
for op, gates in (("GRU", 3), ("LSTM", 4), ("RNN", 1)):
    both = [model(op, gates, bias) for bias in (False, True)]
    found[op] = [int(np.isnan(run(made, broken)).sum()) for made in both]
    found[f"reference {op}"] = [int(np.isnan(ReferenceEvaluator(made).run(None, {"X": broken})[0]).sum()) for made in both]
print("NaN of 48 in Y, without B and with a B of zeros:", found)
y = run(model("GRU", 3, True), broken)
print("GRU with B: Y[1] is Y[0] again:", np.array_equal(y[1], y[0]))
values = {op: np.unique(run(model(op, gates, True, np.nan), x)[0]) for op, gates in (("GRU", 3), ("LSTM", 4))}
print("first step, W and R all NaN:", values)
expected = {"GRU": [32, 0], "LSTM": [32, 0], "RNN": [32, 32]}
expected.update({f"reference {op}": [32, 32] for op in ("GRU", "LSTM", "RNN")})
erased = all(np.isfinite(value).all() for value in values.values()) and not values["GRU"].any()
if found != expected or not erased or not np.array_equal(y[1], y[0]):
    sys.exit(f"CHANGED: NaN of 48 without and with B: {found}; all-NaN weights give {values}")
print("AS DESCRIBED: a bias of zeros erases NaN in GRU and LSTM")
PY
