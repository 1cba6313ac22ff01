"""Models for reports: with names that are markup, and with very many nodes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

HOSTILE = "<s id=x>\"'&amp;</s>`|**b**\n[a](b)![c](d)<!-- \x1b[31m"
"""Names that are markup, in HTML and in Markdown."""


def named(model: onnx.ModelProto, end: str) -> onnx.ModelProto:
    """Return a model whose values and nodes all have names that end in something."""
    graph = model.graph
    for node in graph.node:
        node.name = f"node{end}"
        node.input[:] = [each and each + end for each in node.input]
        node.output[:] = [each and each + end for each in node.output]
    for each in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        each.name += end
    return model


def with_chain(count: int) -> onnx.ModelProto:
    """Return a model of a GRU in front of a chain of very many nodes."""
    rng = np.random.default_rng(1)
    weights = {"W": rng.normal(size=(1, 6, 3)), "R": rng.normal(size=(1, 6, 2))}
    nodes = [helper.make_node("GRU", ["x", "W", "R"], ["y0"], hidden_size=2)]
    nodes += [helper.make_node("Neg", [f"y{place}"], [f"y{place + 1}"]) for place in range(count - 1)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["T", 1, 3])],
        [helper.make_tensor_value_info(f"y{count - 1}", onnx.TensorProto.FLOAT, ["T", 1, 1, 2])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
