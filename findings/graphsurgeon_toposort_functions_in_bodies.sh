#!/usr/bin/env bash
# onnx-graphsurgeon 0.6.1 cannot sort a model that calls a function of its own inside an If: toposort ends in a RecursionError.
#
# Behaviour: where Graph.toposort() sorts the functions, it does not come to an end on a function that a branch calls, though it
#   calls none itself. onnxslim 0.1.98, which carries a copy of graphsurgeon, fails the same way on the same model.
# Right: such a model is valid (the full check and onnxruntime 1.32.0 take it): functions are visible in every body. A call of the
#   same function in the graph itself sorts.
# Seen: y = x + x as a function, called in one branch of an If: RecursionError, with mode="functions" as well.
#   toposort(mode="nodes"): sorted.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnx-graphsurgeon==0.6.1 onnxslim==0.1.98 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import logging

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime as ort
import onnxslim
from onnx import TensorProto, helper

logging.disable(logging.CRITICAL)
info, node = helper.make_tensor_value_info, helper.make_node


def model(place):
    call, same = node("Twice", ["x"], ["r"], domain="own"), node("Identity", ["x"], ["r"])
    inputs = [info("x", TensorProto.FLOAT, [2])]
    if place == "the graph":
        nodes = [call]
    else:
        branches = [helper.make_graph([each], "branch", [], [info("r", TensorProto.FLOAT, [2])]) for each in (call, same)]
        nodes = [node("If", ["which"], ["r"], then_branch=branches[0], else_branch=branches[1])]
        inputs.append(info("which", TensorProto.BOOL, []))
    opset = helper.make_opsetid("", 17)
    twice = helper.make_function("own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [opset])
    graph = helper.make_graph(nodes, "graph", inputs, [info("r", TensorProto.FLOAT, [2])])
    opsets = [opset, helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=opsets, functions=[twice], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"x": np.ones(2, np.float32), "which": np.array(True)}
    names = [each.name for each in session.get_inputs()]
    assert session.run(None, {name: feeds[name] for name in names})[0].tolist() == [2, 2]
    return made


def outcome(run):
    try:
        run()
    except RecursionError as error:
        return type(error).__name__
    return "done"


print("onnx-graphsurgeon", gs.__version__, "| onnxslim", onnxslim.__version__, "| onnx", onnx.__version__)
found = {}
for place in ("the graph", "a branch"):
    made = model(place)
    found[place] = {
        "toposort": outcome(gs.import_onnx(made).toposort),
        "nodes alone": outcome(lambda made=made: gs.import_onnx(made).toposort(mode="nodes")),
        "functions alone": outcome(lambda made=made: gs.import_onnx(made).toposort(mode="functions")),
        "onnxslim": outcome(lambda made=made: onnxslim.slim(made)),
    }
    print(f"called in {place}: {found[place]}")
assert set(found["the graph"].values()) == {"done"}
assert found["a branch"].pop("nodes alone") == "done"
assert set(found["a branch"].values()) == {"RecursionError"}
PY
