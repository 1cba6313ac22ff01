#!/usr/bin/env bash
# jaxonnxruntime 0.3.0 leaves the last element out of a Slice that goes to the end.
#
# Behaviour: the ends of a Slice become int32 in JAX, without x64. 2^63 - 1, which exporters write for "to the end", is -1
#   then, and -1 is the place before the end. There is no error and no warning.
# Right: ONNX operator Slice-13: "For slicing to the end of a dimension with unknown size, it is recommended to pass in
#   INT_MAX"; an end beyond the dimension is clamped to it. onnx's own ReferenceEvaluator does.
# Seen: of 0 to 5 from 2 on, 2^63 - 1 gives 2 3 4; 2^31 - 1 and 1000 give 2 3 4 5.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq jaxonnxruntime==0.3.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 onnx==1.23.2 absl-py==2.5.1
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
from jaxonnxruntime import call_onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

x = np.arange(6, dtype=np.float32)


def sliced(end):
    held = [numpy_helper.from_array(np.array([value]), name) for name, value in (("starts", 2), ("ends", end), ("axes", 0))]
    graph = helper.make_graph(
        [helper.make_node("Slice", ["x", "starts", "ends", "axes"], ["y"])],
        "tail",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
        held,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


changed = []
for end in (2**63 - 1, 2**31 - 1, 1000):
    made = sliced(end)
    function, weights = call_onnx.call_onnx_model(made, {"x": x})
    y, right = np.asarray(function(weights, {"x": x})[0]), ReferenceEvaluator(made).run(None, {"x": x})[0]
    print(f"end {end}: {y}, right: {right}")
    if not np.array_equal(y, right[:-1] if end == 2**63 - 1 else right):
        changed.append(f"end {end} gives {y}")
if changed:
    sys.exit("CHANGED: " + "; ".join(changed))
print("AS DESCRIBED: a Slice to 2^63 - 1 loses the last element")
PY
