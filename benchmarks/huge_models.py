"""Models of so many nodes, of several kinds: what the measurements of :mod:`benchmarks.huge` are made on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks import gru_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import ModelProto, NodeProto

    Write = Callable[[int], ModelProto]

H, T = 8, 20
STEP_NODES = 13


class Graph:
    """A graph that grows node by node along one value."""

    def __init__(self) -> None:
        """Begin with an input X [T, B, H]."""
        self.rng = np.random.default_rng(0)
        self.nodes: list[NodeProto] = []
        self.tensors = [
            numpy_helper.from_array(np.array([1]), "axes"),
            numpy_helper.from_array(np.array([H, H, H]), "three"),
        ]
        self.last = "X"

    def weight(self, name: str, *shape: int) -> str:
        """Add an initializer."""
        values = self.rng.uniform(-0.3, 0.3, shape).astype(np.float32)
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op_type: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401 - whatever the operator takes
        """Add a node with one output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=f"n{len(self.nodes)}", **attributes))
        return name

    def gru(self, of: int | None = None) -> None:
        """Add a GRU with a Squeeze behind it.

        Args:
            of: Whose weights it takes, by number; ``None`` for its own.

        """
        index = len(self.nodes)
        if of is None:
            of = index
            for name, shape in (("W", (1, 3 * H, H)), ("R", (1, 3 * H, H)), ("B", (1, 6 * H))):
                self.weight(f"{name}{of}", *shape)
        y = self.node("GRU", [self.last, *(f"{name}{of}" for name in "WRB")], hidden_size=H)
        self.last = self.node("Squeeze", [y, "axes"])

    def step(self, x: str, state: str, weights: list[str]) -> str:
        """Add the nodes of one step of a decomposed GRU; return the next state."""
        w, r, bw, br = weights
        gates = []
        for value, matrix, bias in ((x, w, bw), (state, r, br)):
            name = self.node("Gemm", [value, matrix, bias], transB=1)
            parts = [f"{name}_{gate}" for gate in "zrh"]
            self.nodes.append(helper.make_node("Split", [name, "three"], parts, name=f"{name}_split", axis=1))
            gates.append(parts)
        (xz, xr, xh), (hz, hr, hh) = gates
        z, reset = (self.node("Sigmoid", [self.node("Add", [one, other])]) for one, other in ((xz, hz), (xr, hr)))
        candidate = self.node("Tanh", [self.node("Add", [xh, self.node("Mul", [reset, hh])])])
        change = self.node("Mul", [z, self.node("Sub", [state, candidate])])
        return self.node("Add", [candidate, change])

    def cell(self, name: str) -> list[str]:
        """Add the weights of a decomposed GRU."""
        shapes = (("W", (3 * H, H)), ("R", (3 * H, H)), ("bW", (3 * H,)), ("bR", (3 * H,)))
        return [self.weight(f"{name}{key}", *shape) for key, shape in shapes]

    def model(self, *, steps: int = T) -> ModelProto:
        """Return the model; its output is the last value."""
        inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [steps, "B", H])]
        inputs.append(helper.make_tensor_value_info("h0", TensorProto.FLOAT, ["B", H]))
        output = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        used = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes,
            "huge",
            [value for value in inputs if value.name in used],
            [output],
            [tensor for tensor in self.tensors if tensor.name in used],
        )
        opsets = [helper.make_opsetid("", gru_case.OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=gru_case.IR_VERSION)


def own_weights(count: int) -> ModelProto:
    """Return so many GRUs in a chain, each with weights of its own."""
    graph = Graph()
    for _ in range(count):
        graph.gru()
    return graph.model()


def one_weight(count: int) -> ModelProto:
    """Return so many GRUs in a chain that read the same weights."""
    graph = Graph()
    graph.gru()
    for _ in range(count - 1):
        graph.gru(of=0)
    return graph.model()


def unrelated(count: int) -> ModelProto:
    """Return a chain of so many nodes, of which ten are GRUs."""
    graph = Graph()
    graph.weight("c", 1)
    kinds = (("Relu", ()), ("Add", ("c",)), ("Tanh", ()), ("Mul", ("c",)), ("Sigmoid", ()), ("Neg", ()))
    for index in range(count):
        if index % max(count // 10, 2) == 1:
            graph.gru()
        else:
            op_type, others = kinds[index % len(kinds)]
            graph.last = graph.node(op_type, [graph.last, *others])
    return graph.model()


def unrolled(count: int) -> ModelProto:
    """Return one decomposed GRU, unrolled to so many nodes."""
    graph, steps = Graph(), max(count // (STEP_NODES + 1), 2)
    weights, graph.last = graph.cell("w"), "h0"
    for index in range(steps):
        graph.tensors.append(numpy_helper.from_array(np.array(index), f"i{index}"))
        graph.last = graph.step(graph.node("Gather", ["X", f"i{index}"], axis=0), graph.last, weights)
    return graph.model(steps=steps)


def constants(count: int) -> ModelProto:
    """Return a chain of so many nodes, of which every other one is a Constant, and ten are GRUs."""
    graph = Graph()
    for index in range(count // 2):
        if index % max(count // 20, 2) == 1:
            graph.gru()
        name = f"k{index}"
        value = numpy_helper.from_array(np.array(graph.rng.uniform(0.5, 1.5), np.float32))
        graph.nodes.append(helper.make_node("Constant", [], [name], value=value))
        graph.last = graph.node(("Add", "Mul")[index % 2], [graph.last, name])
    return graph.model()
