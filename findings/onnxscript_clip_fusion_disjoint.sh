#!/usr/bin/env bash
# onnxscript 0.7.2 fuses neighbouring Clip and Relu bound by bound, which is wrong where their ranges do not overlap.
#
# Behaviour: onnxscript.optimizer.optimize, which torch.onnx.export applies by default, makes Clip(Clip(x, 0, 1), 2, 3)
#   into Clip(x, max(0, 2), min(1, 3)) = Clip(x, 2, 1), and Relu(Clip(x, -2, -1)) into Clip(x, 0, -1).
# Right: ONNX operator Clip-13 is Min(max, Max(input, min)), and where min is above max, all values are max. So the fused
#   nodes give 1 and -1 for every x; the nodes as written give 2 and 0 for every x.
# Besides: where one value goes to two such pairs, the new bounds of both get the same names, and those of one are lost:
#   the optimised model is invalid.
# Seen: [2, 2, ...] becomes [1, 1, ...], Relu gives -1; two pairs on one value: "not output of any previous nodes".
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
from onnxscript import optimizer

x = np.linspace(-3, 5, 5).astype(np.float32)


def model(nodes, bounds, outputs=("y",)):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in ("x", *outputs)]
    held = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in bounds.items()]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "clips", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made):
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].tolist()


print("onnxscript", onnxscript.__version__)
changed = []
twice = [("Clip", ["x", "a", "b"], ["t"]), ("Clip", ["t", "c", "d"], ["y"])]
relu = [("Clip", ["x", "a", "b"], ["t"]), ("Relu", ["t"], ["y"])]
for name, nodes, bounds, right, wrong in (
    ("Clip(Clip(x, 0, 1), 2, 3)", twice, {"a": 0, "b": 1, "c": 2, "d": 3}, 2, 1),
    ("Relu(Clip(x, -2, -1))", relu, {"a": -2, "b": -1}, 0, -1),
):
    before = run(model(nodes, bounds))
    after = optimizer.optimize(model(nodes, bounds))
    ops = [node.op_type for node in after.graph.node]
    after = run(after)
    print(f"{name}: {before} before, {after} after, nodes {ops}")
    if (before, after) != ([right] * 5, [wrong] * 5):
        changed.append(f"{name} gives {after}")
pairs = [("Clip", ["x", "a", "b"], ["t"]), ("Relu", ["t"], ["p"]), ("Clip", ["x", "c", "d"], ["u"]), ("Relu", ["u"], ["q"])]
after = optimizer.optimize(model(pairs, {"a": -1, "b": 1, "c": 0.1, "d": 0.5}, "pq"))
try:
    onnx.checker.check_model(after)
    changed.append("two pairs on one value give a valid model")
except onnx.checker.ValidationError as error:
    print("two pairs on one value:", " ".join(str(error).split())[:120])
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: Clips of disjoint ranges change their values, and two pairs on one value lose their bounds")
PY
