#!/usr/bin/env bash
# torch 2.13.0's ONNX exporter, asked for a GRU with a dynamic time axis, reports success and bakes the example's length in.
#
# Behaviour: torch.onnx.export(GRU, dynamic_shapes=({0: "T"},)) prints four check marks. The model's input is T frames
#   long, its output is as long as the example: behind the ONNX GRU node, which would take any T, stands a Reshape to the
#   example's length. A dynamic batch works. (Of a bidirectional GRU the export says that tracing inferred a static shape.)
# Right: torch.onnx.export's documentation, dynamic_shapes: the named dims of the exported model are dynamic.
#   torch.export.export alone, with Dim("T"), says: "You marked T as dynamic but your code specialized it to be a constant".
# Seen: GRU(3, 4), an example of 5 frames, batch 2: forward input [T, 2, 3], output [5, 2, 4], 9 frames end in an error of
#   Reshape.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" -W ignore - <<'PY'
import logging
import sys

import numpy as np
import onnxruntime as ort
import torch

logging.disable(logging.WARNING)


def exported(axis):
    layer = torch.nn.GRU(3, 4).eval()
    program = torch.onnx.export(layer, (torch.zeros(5, 2, 3),), dynamo=True, dynamic_shapes=({axis: "N"},), verbose=False)
    session = ort.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
    longer = [5, 2, 3]
    longer[axis] += 4
    try:
        session.run(None, {name: np.zeros(longer, np.float32)})
    except Exception as error:
        return shape, session.get_outputs()[0].shape, "Reshape" if "Reshape" in str(error) else "fails"
    return shape, session.get_outputs()[0].shape, "runs"


found = {"time": exported(0), "batch": exported(1)}
for what, (read, given, result) in found.items():
    print(f"dynamic {what}: input {read}, output {given}, a longer one: {result}")
if found != {"time": (["N", 2, 3], [5, 2, 4], "Reshape"), "batch": ([5, "N", 3], [5, "N", 4], "runs")}:
    sys.exit(f"CHANGED: {found}")
print("AS DESCRIBED: a dynamic time axis is exported as the example's length")
PY
