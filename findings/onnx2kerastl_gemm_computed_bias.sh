#!/usr/bin/env bash
# onnx2kerastl 0.0.198 makes C alone of a Gemm whose C is computed: the product is lost, without an error.
#
# Behaviour: onnx_to_keras takes the model and says nothing, and its output is what the MatMul gave that C comes from.
# Right: ONNX operator Gemm-13 gives A Bᵀ + C here, whether C is a constant or what another node gave.
# Seen: the output is C to the last bit; with a constant C [N] it is right.
# Needs Python 3.10, as PYTHON or as python3.10: its TensorFlow has no wheel for later ones.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3.10}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx2kerastl==0.0.198 onnx==1.13.0 tensorflow-cpu==2.12.1 numpy==1.23.5
cd "$dir"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx2kerastl import onnx_to_keras

rng = np.random.default_rng(0)
a, b, v, row = (rng.normal(size=size).astype(np.float32) for size in ((6, 4), (5, 4), (4, 5), (5,)))


def model(computed):
    nodes = [helper.make_node("MatMul", ["a", "v"], ["c"])] if computed else []
    nodes.append(helper.make_node("Gemm", ["a", "b", "c"], ["y"], transB=1))
    held = [("b", b), ("v", v) if computed else ("c", row)]
    graph = helper.make_graph(
        nodes,
        "bias",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [6, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [6, 5])],
        [numpy_helper.from_array(array, name) for name, array in held],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made):
    net = onnx_to_keras(made, ["a"], name_policy="attach_weights_name", verbose=False).converted_model
    return np.asarray(net([a]))


print("onnx2kerastl", version("onnx2kerastl"))
constant = np.abs(run(model(computed=False)) - (a @ b.T + row)).max()
found = run(model(computed=True))
off, alone = np.abs(found - (a @ b.T + a @ v)).max(), np.abs(found - a @ v).max()
print(f"constant C: off by {constant:.2g}; computed C: off by {off:.2g}, and from C alone by {alone:.2g}")
sys.exit(not (constant < 1e-5 and off > 0.1 and alone < 1e-5))
PY
