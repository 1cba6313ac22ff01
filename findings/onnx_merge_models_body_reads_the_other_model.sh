#!/usr/bin/env bash
# onnx 1.23.2's compose.merge_models with a prefix makes a Scan body of one model read a constant of the other one.
#
# Behaviour: with prefix2 every value of the second model gets the prefix, but not where a body of Scan, Loop or If reads
#   a value of the graph around it. When the first model has a value of that name, the body reads that from now on. The
#   merged model passes the full check and runs.
# Right: the merged model computes the second model of the first one's output: a prefix renames a value wherever it is read.
#   (onnx.compose's documentation: prefixes are there "to avoid naming collisions".) Where the first model has no such
#   name, the check refuses the result.
# Seen: a sum over frames whose body adds its own bias of 1, behind a model that multiplies by its own bias of 10: the sum
#   of 2 frames of 10 is 22, merged it is 40. Without a name in common: 22 where only the first model has the prefix, and
#   a ValidationError where the second one has it.
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
from onnx import TensorProto, compose, helper, numpy_helper


def floats(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes, inputs, outputs, **constants):
    held = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def scaling(name):
    return model([helper.make_node("Mul", ["x", name], ["y"])], [floats("x", 2, 1)], [floats("y", 2, 1)], **{name: [10]})


body = helper.make_graph(
    [
        helper.make_node("Add", ["frame", "bias"], ["biased"]),
        helper.make_node("Add", ["sum", "biased"], ["next"]),
    ],
    "body",
    [floats("sum", 1), floats("frame", 1)],
    [floats("next", 1)],
)
scan = helper.make_node("Scan", ["start", "frames"], ["total"], body=body, num_scan_inputs=1)
summing = model([scan], [floats("frames", 2, 1)], [floats("total", 1)], bias=[1], start=[0])


def merged(name, **prefixes):
    first = prefixes.get("prefix1", "")
    try:
        made = compose.merge_models(scaling(name), summing, [("y", "frames")], **prefixes)
        onnx.checker.check_model(made, full_check=True)
    except onnx.checker.ValidationError:
        return "refused"
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(session.run(None, {first + "x": np.ones((2, 1), np.float32)})[0][0])


found = {
    "one name, prefix2": merged("bias", prefix2="second/"),
    "other names, prefix2": merged("gain", prefix2="second/"),
    "one name, prefix1": merged("bias", prefix1="first/"),
}
for what, result in found.items():
    print(f"{what}: {result}")
if found != {"one name, prefix2": 40.0, "other names, prefix2": "refused", "one name, prefix1": 22.0}:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: the body of the second model reads the first model's constant")
PY
