#!/usr/bin/env bash
# onnxconverter-common 1.16.0 writes a float16 model of mixed types when a node reads what is an output of the graph too.
#
# Behaviour: convert_float_to_float16(model, keep_io_types=True) puts a Cast to float32 in front of each output, under
#   the output's name. Nodes that read that name are left as they are, and get float32 beside weights that are float16.
# Right: only the output should be float32; inside, all is float16. ONNX operator MatMul-13 has one type T for both of
#   its inputs. What comes out is no valid model, and nothing is said until it is loaded.
# Why it matters: recurrent models often give a hidden state that the next layer reads too.
# Seen: onnx's checker and onnxruntime refuse the model; both take it with keep_io_types=False, and both take the same
#   model with keep_io_types=True when its inner output is not one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnxconverter-common==1.16.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common.float16 import convert_float_to_float16

weights = [numpy_helper.from_array(np.full((2, 2), value, np.float32), name) for name, value in (("w1", 0.5), ("w2", 0.25))]


def model(outputs):
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["hidden"]), helper.make_node("MatMul", ["hidden", "w2"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x", *outputs)]
    graph = helper.make_graph(nodes, "layers", ends[:1], ends[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return made


def refusals(made):
    said = {}
    for name, load in (
        ("checker", lambda: onnx.checker.check_model(made, full_check=True)),
        ("onnxruntime", lambda: ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])),
    ):
        try:
            load()
        except Exception as error:  # each package has classes of its own
            said[name] = " ".join(str(error).split())
    return said


print("onnxconverter-common", version("onnxconverter-common"))
changed = []
for outputs, keep, refused in ((["hidden", "y"], True, True), (["hidden", "y"], False, False), (["y"], True, False)):
    said = refusals(convert_float_to_float16(model(outputs), keep_io_types=keep))
    print(f"outputs {outputs}, keep_io_types={keep}: refused by {said or 'none'}")
    if sorted(said) != (["checker", "onnxruntime"] if refused else []):
        changed.append(f"outputs {outputs}, keep_io_types={keep}: refused by {sorted(said)}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: an output that is read inside makes a model of mixed types")
PY
