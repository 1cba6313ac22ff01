#!/usr/bin/env bash
# onnx 1.23.2's reference evaluator never enters a Loop that has a trip count and no condition: its plain "for" loop.
#
# Behaviour: Loop(M, "", state...) gives its initial state back, after no iteration at all, without an error. With a
#   constant true condition, which means the same, it runs M times.
# Right: ONNX operator Loop-16: cond is optional; with input (trip_count, "") the loop is "for i in range(trip_count)",
#   and what the body returns as its condition is ignored. onnxruntime runs M iterations.
# Seen: five steps of Fibonacci from (0, 1): onnxruntime (5, 8) with and without the condition; the reference (5, 8) with
#   it, (0, 1) without.
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


def fibonacci(condition):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["go_on"]),
            helper.make_node("Identity", ["b"], ["next_a"]),
            helper.make_node("Add", ["a", "b"], ["next_b"]),
        ],
        "body",
        [tensor("i", TensorProto.INT64), tensor("going", TensorProto.BOOL), tensor("a"), tensor("b")],
        [tensor("go_on", TensorProto.BOOL), tensor("next_a"), tensor("next_b")],
    )
    loop = helper.make_node("Loop", ["trips", condition, "x", "y"], ["p", "q"], body=body)
    held = [numpy_helper.from_array(np.array(5, np.int64), "trips")]
    if condition:
        held.append(numpy_helper.from_array(np.array(True), condition))
    graph = helper.make_graph([loop], "fibonacci", [tensor("x"), tensor("y")], [tensor("p"), tensor("q")], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


start = {"x": np.array(0, np.float32), "y": np.array(1, np.float32)}
found = {}
for name, condition in (("without a condition", ""), ("with condition true", "true")):
    made = fibonacci(condition)
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = {"reference": ReferenceEvaluator(made).run, "onnxruntime": session.run}
    for who, run in runs.items():
        results = run(None, start)
        found[who, name] = tuple(float(value) for value in results)
        print(f"{who} {name}: {found[who, name]}")
expected = dict.fromkeys(found, (5.0, 8.0))
expected["reference", "without a condition"] = (0.0, 1.0)
if found != expected:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: the reference evaluator runs no iteration of a Loop without a condition")
PY
