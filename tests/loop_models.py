"""Models of one Loop or Scan that computes a GRU, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.scopes import is_onnx, walk
from test_fuse_split import B, H, I, T

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto, ValueInfoProto

    from gru_lower.rewriting.result import Result

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RNG = np.random.default_rng(0)
WEIGHTS = {
    name: (RNG.standard_normal(shape) / 2).astype(np.float32)
    for name, shape in {"W": (I, 3 * H), "R": (H, 3 * H), "b": (3 * H,), "c": (3 * H,), "P": (I, H)}.items()
}


def node(op_type: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Return a node, its inputs and outputs given as words."""
    return helper.make_node(op_type, inputs.split(), outputs.split(), **attributes)


def info(name: str, kind: int = FLOAT, shape: Sequence[int | str] | None = None) -> ValueInfoProto:
    """Return a value's declaration."""
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[str],
    constants: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    """Return a model."""
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in (WEIGHTS | (constants or {})).items()]
    ranks = {"last": 2, "Z": 4}
    declared = [info(name, shape=[f"{name}{axis}" for axis in range(ranks.get(name, 3))]) for name in outputs]
    graph = helper.make_graph(nodes, "model", inputs, declared, tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def scan_of(nodes: Sequence[NodeProto], step: str = "x", outputs: Sequence[str] = ("Ht",)) -> NodeProto:
    """Return a Scan over X whose body makes Ht, given out in every step."""
    copies = [node("Identity", name, f"{name}/out") for name in outputs]
    results = [info("Ht"), *(info(f"{name}/out") for name in outputs)]
    body = helper.make_graph([*nodes, *copies], "body", [info("Ht_1"), info(step)], results)
    made = ["last", *(f"all_{name}" for name in outputs)]
    return helper.make_node("Scan", ["h0", "X"], made, body=body, num_scan_inputs=1)


def loop_of(
    nodes: Sequence[NodeProto], trips: str, condition: str, step: str = "x", more: Sequence[str] = ()
) -> NodeProto:
    """Return a Loop over X whose body makes Ht, given out in every step."""
    copies = [node("Identity", name, f"{name}/out") for name in ("Ht", *more)]
    body = helper.make_graph(
        [node("Gather", "X i", step), *nodes, node("Identity", "going", "still"), *copies],
        "body",
        [info("i", INT64, []), info("going", BOOL, []), info("Ht_1")],
        [info("still", BOOL, []), info("Ht"), info("Ht/out"), *(info(f"{name}/out") for name in more)],
    )
    outputs = ["last", "all_Ht", *(f"all_{name}" for name in more)]
    return helper.make_node("Loop", [trips, condition, "h0"], outputs, body=body)


def whole_inputs(time: int | str = T, batch: int | str = B) -> list[ValueInfoProto]:
    """Return X and h0."""
    return [info("X", shape=[time, batch, I]), info("h0", shape=[batch, H])]


def grus(model: onnx.ModelProto) -> int:
    """Return how many GRUs there are in all scopes."""
    return sum(is_onnx(each, "GRU") for scope in walk(model) for each in scope.nodes)


def codes(result: Result[onnx.ModelProto]) -> list[str]:
    """Return the codes of what a report says."""
    return [each.code for each in result.report.diagnostics]


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    """Return a model's outputs."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


LENGTH = [node("Shape", "X", "shape"), node("Gather", "shape first", "length")]
"""The length of X, as `length`."""
