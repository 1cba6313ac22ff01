#!/usr/bin/env bash
# onnx 1.23.2's extract_model leaves out what the branches of an If, or the body of a Loop, take from around them.
#
# Behaviour: onnx.utils.extract_model follows the inputs of nodes only. Of a value that nothing but a subgraph reads, neither
#   the node that computes it nor the initializer that holds it comes along. The file is written, then its check raises
#   "must be topologically sorted"; with check_model=False nothing is said.
# Right: onnx's docs/IR.md: a subgraph reads names of the graphs around it; they are inputs of its node as much as the
#   listed ones. The same extraction is whole when the value is an input of a node.
# Seen: from Relu -> If (whose branches read Relu's output and a constant) one If is left, no Relu and no constant; from
#   Relu -> Loop (whose body reads Relu's output) one Loop. onnxruntime refuses both, and takes both originals.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)


def value(name, kind=TensorProto.FLOAT, shape=(2,)):
    return helper.make_tensor_value_info(name, kind, shape)


def branch(op, inputs):
    return helper.make_graph([helper.make_node(op, inputs, [f"{op}_out"])], op, [], [value(f"{op}_out")])


boolean, count = value("c", TensorProto.BOOL, ()), value("n", TensorProto.INT64, ())
body = helper.make_graph(
    [helper.make_node("Add", ["state", "a"], ["next"]), helper.make_node("Identity", ["go"], ["on"])], "body",
    [value("i", TensorProto.INT64, ()), value("go", TensorProto.BOOL, ()), value("state")],
    [value("on", TensorProto.BOOL, ()), value("next")],
)
relu = helper.make_node("Relu", ["x"], ["a"])
choice = helper.make_node("If", ["c"], ["y"], then_branch=branch("Mul", ["a", "k"]), else_branch=branch("Neg", ["a"]))
loop = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
constant = numpy_helper.from_array(np.ones(2, np.float32), "k")
cases = {
    "If": ([relu, choice], [value("x"), boolean], [constant]),
    "Loop": ([relu, loop], [value("x"), count], []),
    "Add": ([relu, helper.make_node("Add", ["a", "k"], ["y"])], [value("x")], [constant]),
}
print("onnx", onnx.__version__)
changed = []
for name, (nodes, inputs, held) in cases.items():
    graph = helper.make_graph([*nodes, helper.make_node("Abs", ["y"], ["z"])], name, inputs, [value("z")], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    onnx.save(model, f"{name}.onnx")
    names = [each.name for each in inputs]
    onnx.utils.extract_model(f"{name}.onnx", "part.onnx", names, ["y"], check_model=False)
    part = onnx.load("part.onnx")
    left, kept = [node.op_type for node in part.graph.node], len(part.graph.initializer)
    raised = refused = False
    try:
        onnx.utils.extract_model(f"{name}.onnx", "checked.onnx", names, ["y"])
    except onnx.checker.ValidationError:
        raised = True
    try:
        ort.InferenceSession("part.onnx", providers=["CPUExecutionProvider"])
    except Exception:  # which of its classes is raised depends on the release
        refused = True
    print(f"{name}: nodes {left}, constants {kept}, the check raises: {raised}, onnxruntime refuses: {refused}")
    expected = (["Relu", "Add"], 1, False, False) if name == "Add" else ([name], 0, True, True)
    if (left, kept, raised, refused) != expected:
        changed.append(f"{name}: {left}, constants {kept}, raises {raised}, refused {refused}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: what only a subgraph reads is left out")
PY
