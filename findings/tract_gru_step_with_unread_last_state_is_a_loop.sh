#!/usr/bin/env bash
# tract 0.23.9 runs a GRU of one step as a loop if nobody reads its Y_h, which takes up to three times as long.
#
# Behaviour: a GRU with T = 1 becomes plain products and activations when Y_h is read. With Y alone, or a Y_h that has a name
#   and no reader, as torch's exporter leaves it, the Scan stays: two more copies of the state, and a step from zeros multiplies
#   them with R. Y is Y_h with an axis of 1 before it, so the same numbers come of either model.
# Seen: with H = 256, B = 1, linear_before_reset = 0 and no initial_h, Y alone takes 2.8 of what Y_h and an Unsqueeze take.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq tract==0.23.9 onnx==1.23.2 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import json
import sys
import time

import numpy as np
import onnx
import tract
from onnx import TensorProto, helper, numpy_helper

H = 256
rng = np.random.default_rng(0)
weights = {"W": (1, 3 * H, H), "R": (1, 3 * H, H), "B": (1, 6 * H)}
held = [numpy_helper.from_array(rng.uniform(-0.06, 0.06, shape).astype(np.float32), name) for name, shape in weights.items()]
held.append(numpy_helper.from_array(np.array([0], np.int64), "time"))
x = rng.standard_normal((1, 1, H)).astype(np.float32)


def gru(outputs):
    return helper.make_node("GRU", ["X", "W", "R", "B"], outputs, hidden_size=H)


def loaded(name, nodes):
    shown = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [1, 1, 1, H])]
    given = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [1, 1, H])]
    graph = helper.make_graph(nodes, "g", given, shown, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, name)
    return tract.onnx().load(name).into_model().into_runnable()


models = {
    "Y alone": loaded("y.onnx", [gru(["Y"])]),
    "Y, and a Y_h that nobody reads": loaded("unread.onnx", [gru(["Y", "Y_h"])]),
    "Y of Y_h": loaded("y_h.onnx", [gru(["", "Y_h"]), helper.make_node("Unsqueeze", ["Y_h", "time"], ["Y"])]),
}
given, outputs, loops, taken = [tract.Tensor.from_numpy(x)], {}, {}, {}
for name, model in models.items():
    outputs[name] = model.run(given)[0].to_numpy()
    loops[name] = sum("Scan" in node["op_name"] for node in json.loads(model.profile_json(given))["nodes"])
    rounds = []
    for _ in range(7):
        begun = time.process_time()
        for _ in range(300):
            model.run(given)
        rounds.append((time.process_time() - begun) / 300)
    taken[name] = sorted(rounds)[3]
print("tract", tract.version())
for name in models:
    print(f"{name}: {loops[name]} loops, {1e6 * taken[name]:.1f} us")
same = all(np.allclose(each, outputs["Y of Y_h"], atol=1e-5) for each in outputs.values())
if not same or list(loops.values()) != [1, 1, 0]:
    sys.exit("changed")
PY
