"""What int8 GRUs are compared with: onnxruntime's int8 LSTM of the same sizes, and the int8 products alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.gru_case import IR_VERSION, OPSET, feeds, native
from benchmarks.measure import lowered

if TYPE_CHECKING:
    from benchmarks.gru_case import Case
    from gru_lower.verification.arrays import Array, Feeds

LARGEST = 64


def quantised(case: Case) -> onnx.ModelProto:
    """Return the GRU as ``quantize`` writes it, or ``quantize --all`` where that keeps it."""
    model = lowered(native(case), "quantize-gru")
    kept = any(node.op_type == "GRU" for node in model.graph.node)
    return lowered(native(case), "quantize-gru{all=yes}") if kept else model


def lstm(case: Case) -> onnx.ModelProto:
    """Return an LSTM of the case's sizes, with weights U(±1/√H)."""
    rng, H, D = np.random.default_rng(case.H), case.H, case.D
    limit = 1 / np.sqrt(H)
    shapes = {"W": (D, 4 * H, H), "R": (D, 4 * H, H), "B": (D, 8 * H)}
    weights = {name: rng.uniform(-limit, limit, shape).astype(np.float32) for name, shape in shapes.items()}
    names = ["X", "W", "R", "B", *(["", "h0", "c0"] if case.state else [])]
    node = helper.make_node("LSTM", names, ["Y", "Y_h"], hidden_size=H, name="lstm")
    state = [D, case.B, H]
    inputs = {"X": [case.T, case.B, H], **({"h0": state, "c0": state} if case.state else {})}
    return _model(
        [node],
        {name: (TensorProto.FLOAT, dims) for name, dims in inputs.items()},
        {"Y": (TensorProto.FLOAT, [case.T, D, case.B, H]), "Y_h": (TensorProto.FLOAT, state)},
        weights,
    )


def lstm_feeds(case: Case) -> Feeds:
    """Return what it runs on."""
    fed = feeds(case)
    return fed | {"c0": fed["h0"]} if case.state else fed


def quantised_by_onnxruntime(model: onnx.ModelProto, *, per_channel: bool = False) -> onnx.ModelProto:
    """Return what onnxruntime's dynamic quantiser makes of a model."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(model, before)
        quantize_dynamic(before, after, weight_type=QuantType.QInt8, per_channel=per_channel)
        return onnx.load(after)


def products_alone(case: Case) -> tuple[onnx.ModelProto, Feeds]:
    """Return the int8 products of a GRU and nothing between them: the projection, and those of T steps.

    A GRU that does these products one after the other cannot be faster.
    """
    H, rng = case.H, np.random.default_rng(0)

    def whole(columns: int) -> Array:
        found: Array = rng.integers(-LARGEST, LARGEST, (H, columns), np.int8, endpoint=True)
        return found

    zero = numpy_helper.from_array(np.array(128, np.uint8), "zero")
    parts = [3 * H] if case.lbr else [2 * H, H]
    names = [f"R{i}" for i in range(len(parts))]
    byte, whole32 = TensorProto.UINT8, TensorProto.INT32
    body = helper.make_graph(
        [helper.make_node("MatMulInteger", ["h", name, "zero"], [f"{name}h"]) for name in names],
        "step",
        [helper.make_tensor_value_info("h", byte, [case.B, H])],
        [helper.make_tensor_value_info(f"{name}h", whole32, [case.B, n]) for name, n in zip(names, parts, strict=True)],
        [*(numpy_helper.from_array(whole(n), name) for name, n in zip(names, parts, strict=True)), zero],
    )
    outer = [helper.make_node("MatMulInteger", ["X", "W", "zero_x"], ["WX"])]
    if case.T > 1:
        outer.append(helper.make_node("Scan", ["H"], [f"{name}H" for name in names], body=body, num_scan_inputs=1))
        initializers: dict[str, Array] = {}
        states = [case.T, case.B, H]
    else:
        for node in body.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[0], copy.input[2], copy.output[0] = "H", "zero_x", f"{node.input[1]}H"
            outer.append(copy)
        initializers = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in body.initializer if tensor.name != "zero"
        }
        states = [case.B, H]
    results = {f"{name}H": (whole32, None) for name in names}
    model = _model(
        outer,
        {"X": (byte, [case.T * case.B, H]), "H": (byte, states)},
        {"WX": (whole32, None), **results},
        {"W": whole(3 * H), "zero_x": np.array(128, np.uint8), **initializers},
    )
    fed: Feeds = {
        "X": rng.integers(0, 255, (case.T * case.B, H), np.uint8, endpoint=True),
        "H": rng.integers(0, 255, states, np.uint8, endpoint=True),
    }
    return model, fed


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, tuple[int, Any]],
    constants: dict[str, Array],
) -> onnx.ModelProto:
    first, second = (
        [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in values.items()]
        for values in (inputs, outputs)
    )
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "rival", first, second, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
