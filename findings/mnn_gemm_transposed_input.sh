#!/usr/bin/env bash
# MNN 3.6.1 computes a Gemm with transA = 1 wrong where B is constant: other numbers, in the right shape.
#
# Behaviour: where B is constant, mnnconvert takes a Gemm with transA = 1, says nothing, and the result is wrong, with transB
#   and without.
# Right: Gemm-13: A' = Aᵀ where transA is not 0; the same model with a Transpose in front and transA = 0.
# Seen: A (3, 5) and B (3, 4) of whole numbers up to 3: off by 28 from onnxruntime 1.32.0. A Transpose and then transA = 0, a
#   computed B, or a Gemm without transA: the same numbers as onnxruntime.
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

rng = np.random.default_rng(0)
A, B, C = (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((3, 5), (3, 4), (4,)))


def model(kind):
    node, shape = helper.make_node, [5, 3] if kind == "plain" else [3, 5]
    held = {"b": B.T.copy() if "transB" in kind else B, "c": C}
    nodes, a, b = [], "a", "b"
    if kind == "Transpose":
        nodes, a = [node("Transpose", ["a"], ["t"], perm=[1, 0])], "t"
    if kind == "transA, computed B":
        nodes = [node("MatMul", ["a", "zeros"], ["z"]), node("Add", ["b", "z"], ["b2"])]
        held = {"b": B, "c": C, "zeros": np.zeros((5, 1), np.float32)}
        b = "b2"
    nodes.append(node("Gemm", [a, b, "c"], ["y"], transA=int("transA" in kind), transB=int("transB" in kind)))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 4])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def in_mnn(made, a):
    onnx.save(made, "m.onnx")
    command = ["venv/bin/mnnconvert", "-f", "ONNX", "--modelFile", "m.onnx", "--MNNModel", "m.mnn", "--bizCode", "gemm"]
    subprocess.run(command, check=True, capture_output=True)
    net = MNN.nn.load_module_from_file("m.mnn", ["a"], ["y"])
    given = MNN.expr.placeholder(list(a.shape), MNN.expr.NCHW)
    given.write(a.copy())
    return np.array(net.forward([given])[0].read())


print("MNN", version("mnn"), "| onnxruntime", ort.__version__)
found = {}
for kind in ("plain", "Transpose", "transA", "transA and transB", "transA, computed B"):
    made, a = model(kind), A.reshape(5, 3) if kind == "plain" else A
    right = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"a": a})[0]
    y = in_mnn(made, a)
    assert y.shape == (5, 4)
    found[kind] = float(np.abs(y - right).max())
    print(f"{kind}: off by {found[kind]:g}")
if {kind for kind, error in found.items() if error} != {"transA", "transA and transB"}:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: transA is not heeded")
PY
