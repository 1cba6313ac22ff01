#!/usr/bin/env bash
# MNN 3.6.1 gives an output the wrong rank when it comes from Squeeze and then Clip.
#
# Behaviour: mnnconvert takes Squeeze -> Clip -> output, says nothing, and the module gives the shape from before Squeeze.
# Right: ONNX operator Squeeze-13 removes the axis, Clip-13 keeps the shape of its input: [3, 1, 4] becomes [3, 4].
# Seen: [3, 1, 4] for Squeeze -> Clip, with the right numbers in it; [3, 4] for Squeeze alone, Squeeze -> Relu,
#   Squeeze -> Tanh and Reshape -> Clip.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 mnn==3.6.1 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import MNN
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 1, 4)
constants = {"axes": np.array([1]), "shape": np.array([3, 4]), "low": np.float32(-0.5), "high": np.float32(0.5)}
firsts = {"Squeeze": "axes", "Reshape": "shape"}
seconds = {"Clip": ["low", "high"], "Relu": [], "Tanh": []}


def model(first, second):
    nodes = [helper.make_node(first, ["x", firsts[first]], ["t" if second else "y"])]
    if second:
        nodes.append(helper.make_node(second, ["t", *seconds[second]], ["y"]))
    used = {name for node in nodes for name in node.input}
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used]
    ends = [helper.make_tensor_value_info(*end) for end in (("x", TensorProto.FLOAT, [3, 1, 4]), ("y", TensorProto.FLOAT, [3, 4]))]
    graph = helper.make_graph(nodes, "rank", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made):
    onnx.save(made, "m.onnx")
    command = ["venv/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "rank"]
    subprocess.run(command, check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["x"], ["y"])
    given = MNN.expr.placeholder(list(x.shape), MNN.expr.NCHW)
    given.write(x.copy())
    y = net.forward([given])[0]
    return list(y.shape), np.array(y.read()).ravel()


print("MNN", version("mnn"))
changed = []
for first, second in (("Squeeze", "Clip"), ("Squeeze", ""), ("Squeeze", "Relu"), ("Squeeze", "Tanh"), ("Reshape", "Clip")):
    made = model(first, second)
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    right = session.run(None, {"x": x})[0]
    shape, values = run(made)
    same = np.allclose(values, right.ravel(), atol=1e-5)
    print(f"{first}{' -> ' if second else ''}{second}: shape {shape} for {list(right.shape)}, numbers the same: {same}")
    if not same or shape != ([3, 1, 4] if (first, second) == ("Squeeze", "Clip") else [3, 4]):
        changed.append(f"{first} {second}: shape {shape}, numbers the same: {same}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: a Squeeze in front of Clip is lost")
PY
