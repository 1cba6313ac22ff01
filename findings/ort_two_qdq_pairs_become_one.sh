#!/usr/bin/env bash
# onnxruntime 1.32.0 makes one of two QuantizeLinear/DequantizeLinear pairs in a row, with a scale that the second does not have.
#
# Behaviour: by default, and with the basic level alone, Q(s1) DQ(s1) Q(s2) DQ(s2) of per-tensor scales becomes a single Q DQ.
#   Its scale and zero point are those of what both ranges have in common, so values come out that the second pair, which the
#   model ends in, cannot give.
# Right: as without optimisation: multiples of s2. (onnxruntime's documentation calls the basic level "semantics-preserving".)
# Seen: x from -1 to 1, first in steps of 0.1, then of 0.25, uint8 around 128: of 0.4, 0.5, 0.6, 0.7 the model makes 0.5, 0.5,
#   0.5, 0.75, as numpy does; at the basic level 0.4, 0.5, 0.6, 0.7. With a Relu between the pairs: no change.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FIRST, SECOND = np.float32(0.1), np.float32(0.25)


def model(between):
    held = {"s1": FIRST, "s2": SECOND, "z": np.array(128, np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s1", "z"], ["q1"]),
        helper.make_node("DequantizeLinear", ["q1", "s1", "z"], ["a"]),
        *([helper.make_node(between, ["a"], ["b"])] if between else []),
        helper.make_node("QuantizeLinear", ["b" if between else "a", "s2", "z"], ["q2"]),
        helper.make_node("DequantizeLinear", ["q2", "s2", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [21])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [21])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def ran(made, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def rounded(values, scale):
    return np.clip(np.rint(values / scale), -128, 127).astype(np.float32) * scale


def steps_of(values, scale):
    return bool(np.allclose(values / scale, np.rint(values / scale), atol=1e-4))


x = np.linspace(-1, 1, 21).astype(np.float32)
levels = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
print("onnxruntime", ort.__version__, "| onnx", onnx.__version__)
found = {(between, name): ran(model(between), level) for between in ("", "Relu") for name, level in levels.items()}
for (between, name), y in found.items():
    print(f"{between or 'nothing'} between, {name}: {y[14:18]}, in steps of .25: {steps_of(y, SECOND)}")
right = rounded(rounded(x, FIRST), SECOND)
assert np.array_equal(found["", "none"], right)
for name in ("basic", "all"):
    assert steps_of(found["", name], FIRST)
    assert not steps_of(found["", name], SECOND)
    assert np.array_equal(found["Relu", name], found["Relu", "none"])
PY
