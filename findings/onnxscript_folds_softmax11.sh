#!/usr/bin/env bash
# onnxscript 0.7.2's optimiser folds an opset 11 Softmax to other numbers than the operator's: it asks onnx 1.23.2's
# reference evaluator, which has one Softmax for all opsets.
#
# Behaviour: onnxscript.optimizer.optimize replaces Softmax of a constant by its value; for opset 11 and a tensor of
#   rank 3 each row along axis 1 is normalised by itself. The optimised model is valid and gives other numbers.
# Right: ONNX operator Softmax-11: the input is coerced to a matrix at axis (1 by default), so that all that follows the
#   first axis is normalised together; Softmax-13 changed the meaning. LogSoftmax and Hardmax changed likewise.
#   onnxruntime follows Softmax-11.
# Seen: each of two blocks of 3 x 4 sums to 1 before; to 4 afterwards.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxscript==0.7.2 onnx-ir==1.1.0 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
import onnxscript
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxscript import optimizer

table = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
x = np.zeros_like(table)


def model(opset):
    nodes = [helper.make_node("Softmax", ["table"], ["share"], axis=1), helper.make_node("Add", ["share", "x"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in "xy"]
    graph = helper.make_graph(nodes, "shares", ends[:1], ends[1:], [numpy_helper.from_array(table, "table")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def sums(made):
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].sum(axis=(1, 2)).round(4).tolist()


print("onnxscript", onnxscript.__version__, "onnx", onnx.__version__)
found = {}
for opset in (11, 13):
    before = model(opset)
    after = optimizer.optimize(model(opset))
    onnx.checker.check_model(after, full_check=True)
    found[opset] = [
        sums(before),
        sums(after),
        ReferenceEvaluator(before).run(None, {"x": x})[0].sum(axis=(1, 2)).round(4).tolist(),
        [node.op_type for node in after.graph.node],
    ]
    print(f"opset {opset}, sums of the blocks: model {found[opset][0]}, optimised {found[opset][1]},",
          f"reference {found[opset][2]}; nodes left {found[opset][3]}")
one, many = [1.0, 1.0], [4.0, 4.0]
if found != {11: [one, many, many, ["Add"]], 13: [many, many, many, ["Add"]]}:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: the optimiser gives an opset 11 Softmax the meaning of opset 13")
PY
