#!/usr/bin/env bash
# onnx 1.23.2's own reference evaluator runs GRU without sequence_lens, clip and activations, and says nothing.
#
# Behaviour: onnx.reference.ReferenceEvaluator takes a valid GRU that has any of the three and computes as though it had
#   none: sequences run on through their padding, pre-activations are not bounded, the gates stay Sigmoid and Tanh.
# Right: ONNX operator GRU-22: sequence_lens gives the lengths in the batch, clip is the cell clip threshold, activations
#   names the functions f and g. onnxruntime follows all three, and agrees with the equations in float64.
# Why it matters: exporters and optimisers are often tested against the reference evaluator.
# Seen: the same Y, to the bit, for the plain node and for all three variants; off from onnxruntime by 0.6 to 1.0.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(0)
steps, batch, size, hidden = 4, 2, 3, 2
shapes = {"W": (1, 3 * hidden, size), "R": (1, 3 * hidden, hidden), "B": (1, 6 * hidden)}
held = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
x = rng.standard_normal((steps, batch, size)).astype(np.float32)
held["lengths"] = np.array([2, 4], np.int32)


def model(lengths="", **attributes):
    node = helper.make_node("GRU", ["X", "W", "R", "B", lengths], ["Y"], hidden_size=hidden, **attributes)
    graph = helper.make_graph(
        [node], "gru",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [steps, 1, batch, hidden])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    if not lengths:
        del graph.initializer[3]
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    return made


def both(made):
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(made).run(None, {"X": x})[0], session.run(None, {"X": x})[0]


plain, plain_ort = both(model())
changed = []
if np.abs(plain - plain_ort).max() > 1e-5:
    changed.append("the plain GRU differs between the two")
print("onnx", onnx.__version__)
variants = {
    "sequence_lens = [2, 4]": model("lengths"),
    "clip = 0.3": model(clip=0.3),
    "activations = HardSigmoid, Relu": model(activations=["HardSigmoid", "Relu"]),
}
for name, made in variants.items():
    reference, other = both(made)
    same, error = np.array_equal(reference, plain), np.abs(reference - other).max()
    print(f"{name}: reference as without it: {same}; off from onnxruntime by {error:.2f}")
    if not same or error < 0.3:
        changed.append(f"{name} now makes a difference of {error:.2f} to onnxruntime")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: the reference evaluator's GRU ignores sequence_lens, clip and activations")
PY
