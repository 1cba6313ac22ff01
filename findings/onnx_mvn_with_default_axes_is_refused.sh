#!/usr/bin/env bash
# onnx 1.23.2's checker and strict shape inference refuse every MeanVarianceNormalization that leaves its axes out.
#
# Behaviour: from opset 13 on, where the operator is a function, check_model(full_check=True) and infer_shapes(strict_mode=True)
#   raise over a Constant inside it without a value; plain infer_shapes finds no shape for what it makes, nor for what follows.
# Right: axes has a default, [0, 2, 3] (ONNX, MeanVarianceNormalization-13); with just these written out the model is taken, and
#   onnxruntime computes the same for both. It is the only function of the standard whose defaults are lost so.
# Seen: "One and only one of the attributes 'value', 'value_*' or 'sparse_value' must be specified for a Constant node".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort

ort.set_default_logger_severity(3)
x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype("f")


def look(opset, axes):
    """Return what the checker says, the shape that is inferred, and the numbers."""
    text = "(float[2, 3, 4, 4] x) => (float[a, b, c, d] y) { m = MeanVarianceNormalization %s (x) y = Neg (m) }" % axes
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> one {text}')
    said = ""
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.shape_inference.InferenceError as error:
        said = str(error)
    shapes = {each.name: each.type.tensor_type.shape for each in onnx.shape_inference.infer_shapes(model).graph.value_info}
    rank = len(shapes["m"].dim) if "m" in shapes else 0
    return said, rank, ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


changed = False
for opset in (13, 17, 25):
    (said, rank, y), (nothing, known, same) = look(opset, ""), look(opset, "<axes = [0, 2, 3]>")
    print(f"opset {opset}: left out: rank {rank}, {said[-110:].strip()!r}; written out: rank {known}, {nothing!r}")
    assert np.allclose(y, same)
    changed |= "One and only one" not in said or rank != 0 or bool(nothing) or known != 4
if changed or look(9, "")[0]:
    sys.exit("CHANGED")
print("AS DESCRIBED: refused with the default axes, taken with the same ones written out")
PY
