#!/usr/bin/env bash
# MXNet 1.9.1 exports a GRU in the spelling of opset 13 under the newest opset that the installed onnx has.
#
# Behaviour: mx.onnx.export_model takes the opset's number from the onnx package and its nodes from its own tables, which
#   end at 13. With onnx 1.13 or newer (opset 18) the Splits around a GRU say neither lengths nor num_outputs, so that no
#   runtime loads the model; the export ends without a word, and onnx's plain check passes.
# Right: the opset that the nodes are written for, 13. With onnx 1.12, of opset 17, the mistake does not show.
# Seen: opset 18, 4 Splits with one input and no attribute, and a full check that fails: "Neither 'split' input nor
#   'num_outputs' attribute has been given". With 13 as the model's opset the same nodes pass.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq mxnet==1.9.1 onnx==1.13.1 numpy==1.23.5
cd "$dir"
venv/bin/python -W ignore - <<'PY'
import mxnet as mx
import numpy as np
import onnx

layer = mx.gluon.rnn.GRU(4, 1, input_size=3)
layer.initialize()
layer.hybridize()
x, h = mx.nd.ones((5, 2, 3)), mx.nd.zeros((1, 2, 4))
layer(x, h)
layer.export("gru")
mx.onnx.export_model("gru-symbol.json", "gru-0000.params", [x.shape, h.shape], [np.float32] * 2, "gru.onnx")

model = onnx.load("gru.onnx")
onnx.checker.check_model(model)
splits = [node for node in model.graph.node if node.op_type == "Split"]
print("opset", model.opset_import[0].version, "and", [(len(node.input), len(node.attribute)) for node in splits])
assert model.opset_import[0].version == 18
assert all(len(node.input) == 1 and not node.attribute for node in splits), "MXNet now writes what opset 18 wants"
try:
    onnx.checker.check_model(model, full_check=True)
except onnx.shape_inference.InferenceError as error:
    print(str(error).strip().splitlines()[-1])
    assert "num_outputs" in str(error)
else:
    raise SystemExit("CHANGED: the model is valid now")
model.opset_import[0].version = 13
onnx.checker.check_model(model, full_check=True)
print("AS DESCRIBED: as opset 13 it is valid")
PY
