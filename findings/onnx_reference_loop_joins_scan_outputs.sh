#!/usr/bin/env bash
# onnx 1.23.2's reference evaluator joins a Loop's scan outputs along their first axis in place of stacking them.
#
# Behaviour: what a Loop's body gives in each of 3 iterations, of shape [2, 4], comes out as [6, 4], without an error; of
#   shape [1, 2, 4] as [3, 2, 4]; a scalar as [3, 1]. Vectors are stacked.
# Right: the shape that onnx's own inference gives a Loop's scan output, and that its full check holds a model to, has the
#   trip count in front of the body's dims: [3, 2, 4]. onnxruntime does it so. (The operator's text says "concatenating".)
# Seen: a running sum over 3 iterations, states of rank 0 to 3; only ranks 1 and the final state agree.
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


def tensor(name, kind=TensorProto.FLOAT, shape=()):
    return helper.make_tensor_value_info(name, kind, shape)


def running_sum(shape):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["go_on"]),
            helper.make_node("Add", ["sum", "x"], ["next"]),
            helper.make_node("Identity", ["next"], ["given"]),
        ],
        "body",
        [tensor("i", TensorProto.INT64), tensor("going", TensorProto.BOOL), tensor("sum", shape=shape)],
        [tensor("go_on", TensorProto.BOOL), tensor("next", shape=shape), tensor("given", shape=shape)],
    )
    held = [
        numpy_helper.from_array(np.array(3, np.int64), "trips"),
        numpy_helper.from_array(np.array(True), "true"),
        numpy_helper.from_array(np.zeros(shape, np.float32), "zero"),
    ]
    loop = helper.make_node("Loop", ["trips", "true", "zero"], ["total", "sums"], body=body)
    outputs = [tensor("total", shape=shape), tensor("sums", shape=(3, *shape))]
    graph = helper.make_graph([loop], "running_sum", [tensor("x", shape=shape)], outputs, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


found = {}
for shape in ((), (2,), (2, 4), (1, 2, 4)):
    made, inputs = running_sum(shape), {"x": np.ones(shape, np.float32)}
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    total, sums = session.run(None, inputs)
    other_total, other_sums = ReferenceEvaluator(made).run(None, inputs)
    found[shape] = (sums.shape, other_sums.shape, bool(np.array_equal(total, other_total)))
    print(f"{list(shape)} in 3 iterations: onnxruntime {list(sums.shape)}, reference {list(other_sums.shape)}")
if found != {
    (): ((3,), (3, 1), True),
    (2,): ((3, 2), (3, 2), True),
    (2, 4): ((3, 2, 4), (6, 4), True),
    (1, 2, 4): ((3, 1, 2, 4), (3, 2, 4), True),
}:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: the reference evaluator joins scan outputs in place of stacking them")
PY
