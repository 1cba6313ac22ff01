#!/usr/bin/env bash
# tract 0.23.9 does what stands beside a Scan in the body of another Scan once, and not in each turn.
#
# Behaviour: the inner Scan runs over the steps of all turns in one go, with its state handed on, and what the outer body
#   computes of that state before or behind it happens in one turn only. The same body with a sum in the place of the inner
#   Scan is right. Nothing is said, with static sizes and with a dynamic number of turns; tract makes a Scan of a GRU and of
#   an LSTM, so those in a body do the same.
# Right: the whole body is run in each turn (ONNX, Scan).
# Seen: 5 turns of h = 2 * (h + the sum of 2 rows): 270, and not 810, which onnxruntime computes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq tract==0.23.9 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import numpy as np
import onnx
import onnxruntime as ort
import tract
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(3)
x = np.arange(30, dtype=np.float32).reshape(5, 2, 3)
zeros = np.zeros(3, np.float32)


def value(name, *dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def rows_added(given, made, nested):
    """The nodes that add the rows of a turn to a state."""
    if nested:
        step = helper.make_graph(
            [helper.make_node("Add", ["u", "row"], ["v"])], "step", [value("u", 3), value("row", 3)], [value("v", 3)]
        )
        return [helper.make_node("Scan", [given, "rows"], [made], body=step, num_scan_inputs=1)]
    return [
        helper.make_node("ReduceSum", ["rows", "first_axis"], ["total"], keepdims=0),
        helper.make_node("Add", [given, "total"], [made]),
    ]


def model(operator, behind, nested, turns):
    if behind:
        nodes = [*rows_added("h", "added", nested), helper.make_node(operator, ["added", "two"], ["h_next"])]
    else:
        nodes = [helper.make_node(operator, ["h", "two"], ["changed"]), *rows_added("changed", "h_next", nested)]
    held = [numpy_helper.from_array(np.float32(2), "two"), numpy_helper.from_array(np.array([0]), "first_axis")]
    body = helper.make_graph(nodes, "turn", [value("h", 3), value("rows", 2, 3)], [value("h_next", 3)], held)
    node = helper.make_node("Scan", ["h0", "x"], ["h_last"], body=body, num_scan_inputs=1)
    graph = helper.make_graph([node], "turns", [value("h0", 3), value("x", turns, 2, 3)], [value("h_last", 3)])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


print("tract 0.23.9 | onnxruntime", ort.__version__)
for operator in ("Add", "Mul"):
    for behind in (True, False):
        for turns in (5, "N"):
            seen = {}
            for nested in (True, False):
                made = model(operator, behind, nested, turns)
                onnx.save(made, "m.onnx")
                options = ort.SessionOptions()
                options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
                session = ort.InferenceSession("m.onnx", options, providers=["CPUExecutionProvider"])
                right = session.run(None, {"h0": zeros, "x": x})[0]
                seen[nested] = tract.onnx().load("m.onnx").into_model().into_runnable().run([zeros, x])[0].to_numpy(), right
            where = "behind" if behind else "before"
            print(f"{operator} {where} it, {turns} turns: Scan in Scan {seen[True][0]} of {seen[True][1]},"
                  f" a sum in its place {seen[False][0]}")
            assert np.array_equal(*seen[False]), "the body without a Scan is wrong, too"
            once = x.sum((0, 1)) * (2 if operator == "Mul" and behind else 1) + (2 if operator == "Add" else 0)
            assert np.array_equal(seen[True][0], once), "the rest of the body is no longer done once"
            assert not np.array_equal(*seen[True])
PY
