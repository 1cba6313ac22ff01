#!/usr/bin/env bash
# onnxsim 0.8.1, onnxslim 0.1.98 and onnxoptimizer 0.4.2 merge two random draws into one, or freeze them.
#
# Behaviour: two RandomUniformLike nodes without a seed are taken for common subexpressions; afterwards both users get
#   the same numbers, and their difference, noise before, is exactly 0. onnxsim and onnxoptimizer do it to RandomNormal
#   too. onnxslim draws that once itself and writes the draw into the model: each run gives the same "noise".
#   onnxruntime's and onnxscript's optimisers leave both nodes alone.
# Right: ONNX operators RandomUniformLike-1 and RandomNormal-1: without a seed one is generated for the node, so two
#   nodes draw independently; onnx.defs says node_determinism NonDeterministic for both.
# Seen: the largest of 64 differences is above 0.5 and changes from run to run in the model; after the tools it is 0, or
#   the same in both runs.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnxsim==0.8.1 onnxslim==0.1.98 \
    onnxoptimizer==0.4.2 onnxscript==0.7.2 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime as ort
import onnxsim
import onnxslim
from onnx import TensorProto, helper
from onnxscript import optimizer

x = np.ones(64, np.float32)


def model(op):
    inputs, attributes = (["x"], {}) if op.endswith("Like") else ([], {"shape": [64]})
    nodes = [helper.make_node(op, inputs, [name], **attributes) for name in ("first", "second")]
    nodes.append(helper.make_node("Sub", ["first", "second"], ["difference"]))
    nodes.append(helper.make_node("Mul", ["difference", "x"], ["y"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64]) for name in "xy"]
    graph = helper.make_graph(nodes, "noise", ends[:1], ends[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def same(made):
    """the model as it is: onnxruntime runs its own optimisers over it"""
    return made


tools = {
    "onnxruntime": same,
    "onnxscript": optimizer.optimize,
    "onnxsim": lambda made: onnxsim.simplify(made)[0],
    "onnxslim": onnxslim.slim,
    "onnxoptimizer": lambda made: onnxoptimizer.optimize(made, onnxoptimizer.get_fuse_and_elimination_passes()),
}
found = {}
for op in ("RandomNormal", "RandomUniformLike"):
    for name, tool in tools.items():
        made = tool(model(op))
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        first, second = (session.run(None, {"x": x})[0] for _ in range(2))
        draws = sum(node.op_type == op for node in made.graph.node)
        verdict = "merged" if not first.any() else "frozen" if np.array_equal(first, second) else "random"
        print(f"{op} after {name}: {draws} draws, largest differences {abs(first).max():.2f}, {abs(second).max():.2f}: {verdict}")
        found[name, op] = verdict
expected = dict.fromkeys(found, "random")
expected.update({(name, "RandomUniformLike"): "merged" for name in ("onnxsim", "onnxslim", "onnxoptimizer")})
expected.update({(name, "RandomNormal"): "merged" for name in ("onnxsim", "onnxoptimizer")})
expected["onnxslim", "RandomNormal"] = "frozen"
if found != expected:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: merged or frozen by onnxsim, onnxslim and onnxoptimizer")
PY
