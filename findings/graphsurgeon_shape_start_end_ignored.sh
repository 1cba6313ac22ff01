#!/usr/bin/env bash
# onnx-graphsurgeon 0.6.1 folds Shape of a tensor with known dims to all its dims, whatever its start and end say.
#
# Behaviour: fold_constants() puts the whole shape in the place of Shape(start=-1); polygraphy surgeon sanitize
#   --fold-constants 0.53.6, which calls it, writes the same model. No error, no warning.
# Right: the dims from start to end (ONNX, Shape-15), which PyTorch's exporter writes for each size; onnxruntime gives that.
# Seen: x of [5, 2] times its last dim comes out with its first column times 5.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 onnx-graphsurgeon==0.6.1 polygraphy==0.53.6
cd "$dir"
venv/bin/python - <<'PY'
import subprocess
import sys

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime as ort

ort.set_default_logger_severity(3)
text = """<ir_version: 10, opset_import: ["": 18]>
scale (float[5, 2] x) => (float[5, 2] y) {
    dim = Shape <start = -1> (x)
    times = Cast <to = 1> (dim)
    y = Mul (x, times)
}"""
model = onnx.parser.parse_model(text)
onnx.checker.check_model(model, full_check=True)
x = np.arange(10, dtype=np.float32).reshape(5, 2)


def run(one):
    return ort.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


assert np.array_equal(run(model), 2 * x)
graph = gs.import_onnx(model)
graph.fold_constants().cleanup()
folded = run(gs.export_onnx(graph))

onnx.save(model, "m.onnx")
sanitize = ["venv/bin/polygraphy", "surgeon", "sanitize", "m.onnx", "--fold-constants", "-o", "s.onnx"]
subprocess.run(sanitize, check=True, capture_output=True)
sanitized = run(onnx.load("s.onnx"))
print(f"right: {(2 * x).tolist()}\nfolded: {folded.tolist()}\nsanitized: {sanitized.tolist()}")
if not np.array_equal(folded, x * [5, 2]) or not np.array_equal(sanitized, folded):
    sys.exit("CHANGED")
print("AS DESCRIBED: Shape gives all dims")
PY
