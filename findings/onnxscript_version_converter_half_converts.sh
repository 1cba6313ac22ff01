#!/usr/bin/env bash
# onnxscript 0.7.2's version converter writes the new opset without the new operators, or the operators without the opset.
#
# Behaviour: of an onnx_ir model from before opset 18, version_converter.convert_version changes the number alone, unless
#   fallback=True; it says nothing, though it refuses a target below 18. Of an onnx.ModelProto it puts the converted graph in
#   place and leaves the number as it was, with fallback and without.
# Right: both or neither. Softmax means something else from opset 13 on, and ReduceMean has axes as an input from 18 on.
# Seen: to 23, as an onnx_ir model: a Softmax of opset 11 over (2, 3, 4), which is over the last two axes together, is over the
#   last alone afterwards, off by 0.4; a ReduceMean of opset 13 is refused by onnxruntime. With fallback=True both are
#   right. As a ModelProto with fallback=True: axes become an input, the opset stays 13, and onnxruntime refuses it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 onnx-ir==1.1.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import copy
import logging
from importlib.metadata import version

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnx import TensorProto, helper
from onnxscript import version_converter

logging.disable(logging.CRITICAL)


def model(opset, operator, shape, **attributes):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], **attributes)],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def ran(made, x):
    try:
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        return type(error).__name__
    return session.run(None, {"x": x})[0]


def converted(made, kind, fallback):
    if kind == "onnx_ir":
        held = ir.serde.deserialize_model(copy.deepcopy(made))
        version_converter.convert_version(held, 23, fallback=fallback)
        return ir.serde.serialize_model(held)
    held = copy.deepcopy(made)
    version_converter.convert_version(held, 23, fallback=fallback)
    return held


x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
cases = {"Softmax 11": model(11, "Softmax", (2, 3, 4)), "ReduceMean 13": model(13, "ReduceMean", (2, 1, 4), axes=[1])}
print("onnxscript", version("onnxscript"), "| onnx-ir", version("onnx-ir"), "| onnxruntime", ort.__version__)
found = {}
for name, made in cases.items():
    for kind in ("onnx_ir", "ModelProto"):
        for fallback in (False, True):
            new = converted(made, kind, fallback)
            after = ran(new, x)
            error = after if isinstance(after, str) else round(float(np.abs(after - ran(made, x)).max()), 1)
            inputs = max(len(node.input) for node in new.graph.node)
            found[name, kind, fallback] = (new.opset_import[0].version, inputs, error)
            print(f"{name} as {kind}, fallback={fallback}: opset {new.opset_import[0].version}, {inputs} inputs, {error}")
assert found["Softmax 11", "onnx_ir", False] == (23, 1, 0.4)
assert found["ReduceMean 13", "onnx_ir", False] == (23, 1, "InvalidGraph")
assert found["Softmax 11", "onnx_ir", True][::2] == (23, 0.0)
assert found["ReduceMean 13", "onnx_ir", True] == (23, 2, 0.0)
assert found["ReduceMean 13", "ModelProto", False] == (13, 1, 0.0)
assert found["ReduceMean 13", "ModelProto", True] == (13, 2, "InvalidGraph")
PY
