#!/usr/bin/env bash
# tract 0.23.9 and onnx2fx 0.0.1 hide the keys of the past, when Attention is causal and has past_key.
#
# Behaviour: is_causal = 1 is laid over the keys from the first of the past on: query 0 sees one key of the cache, and never
#   itself.
# Right: query i sees all of the past and the new keys up to i (ONNX, Attention-24: the offset is the past's length);
#   onnxruntime and OpenVINO 2026.4.1 do that.
# Seen: the first query's result is the first value of the past; without is_causal both are right.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 tract==0.23.9 onnx2fx==0.0.1 torch==2.13.0
cd "$dir"
venv/bin/python - <<'PY'
import sys

import numpy as np
import onnx
import onnx2fx
import onnxruntime as ort
import torch
import tract
from onnx import helper

ort.set_default_logger_severity(3)


def tract_of(model):
    onnx.save(model, "m.onnx")
    plan = tract.onnx().load("m.onnx").into_model().into_runnable()
    return lambda feeds: [each.to_numpy() for each in plan.run(list(feeds.values()))]


def onnx2fx_of(model):
    module = onnx2fx.convert(model)

    def run(feeds):
        found = module(*[torch.from_numpy(each.copy()) for each in feeds.values()])
        return [each.numpy() for each in (found if isinstance(found, tuple | list) else (found,))]

    return run


rng = np.random.default_rng(0)
shapes = {"q": 4, "k": 4, "v": 4, "past_key": 3, "past_value": 3}
feeds = {name: rng.standard_normal((1, 2, length, 8)).astype(np.float32) for name, length in shapes.items()}


def attention(causal):
    node = helper.make_node("Attention", ["q", "k", "v", "", "past_key", "past_value"], ["y", "keys", "values"], is_causal=causal)
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value.shape) for name, value in feeds.items()]
    results = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, n, 8]) for name, n in (("y", 4), ("keys", 7), ("values", 7))]
    graph = helper.make_graph([node], "attention", ends, results)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    return made


changed = False
for causal in (0, 1):
    model = attention(causal)
    right = ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0]
    for engine, load in (("tract", tract_of), ("onnx2fx", onnx2fx_of)):
        y = load(model)(feeds)[0]
        off = np.abs(y - right).max()
        first = np.abs(y[0, 0, 0] - feeds["past_value"][0, 0, 0]).max()
        print(f"{engine}, is_causal = {causal}: off by {off:.2f}; the first query is {first:.0e} from the past's first value")
        changed |= bool((off > 0.1) != bool(causal) or (causal and first > 1e-5))
if changed:
    sys.exit("CHANGED")
print("AS DESCRIBED: the causal mask begins at the past's first key")
PY
