#!/usr/bin/env bash
# onnx 1.23.2's version converter leaves out the functions of a model: what comes back calls what is no longer there.
#
# Behaviour: version_converter.convert_version returns the graph at the new opset, with the import of the functions' domain
#   and the calls as they were, and no function. Nothing is raised and nothing warned of; the full check passes, since it
#   takes a call of an unknown domain for an operator of somebody's own.
# Right: the functions are converted or handed on (each has opset imports of its own, so that unchanged they stay valid), or
#   the call is refused. ONNX's IR: a function is part of the model.
# Seen: a model of one function, y = x + x, from opset 17 to 18: 1 function before, 0 after. The full check takes both;
#   onnxruntime 1.32.0 runs the first, and refuses the second (the domain is unknown to it). Inlined first
#   (onnx.inliner.inline_local_functions), it converts and runs.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, inliner, version_converter


def floats(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])


opset = helper.make_opsetid("", 17)
twice = helper.make_function("own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [opset])
graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="own")], "graph", [floats("x")], [floats("y")])
imports = [opset, helper.make_opsetid("own", 1)]
model = helper.make_model(graph, opset_imports=imports, functions=[twice], ir_version=8)


def ran(made):
    onnx.checker.check_model(made, full_check=True)
    try:
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        return type(error).__name__
    return session.run(None, {"x": np.array([1, 2], np.float32)})[0].tolist()


converted = version_converter.convert_version(model, 18)
inlined = version_converter.convert_version(inliner.inline_local_functions(model), 18)
print("onnx", onnx.__version__, "| onnxruntime", ort.__version__)
found = {
    "as it is": (len(model.functions), ran(model)),
    "converted": (len(converted.functions), ran(converted)),
    "inlined, then converted": (len(inlined.functions), ran(inlined)),
}
for name, value in found.items():
    print(f"{name}: {value[0]} functions, {value[1]}")
assert found["as it is"] == (1, [2.0, 4.0])
assert found["converted"][0] == 0
assert isinstance(found["converted"][1], str)
assert found["inlined, then converted"] == (0, [2.0, 4.0])
assert [node.domain for node in converted.graph.node] == ["own"]
PY
