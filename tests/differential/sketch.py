"""Random models around GRUs, built twice from one seed: as they are, and with one thing done otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Array = np.ndarray[Any, Any]
F = np.float32


@dataclass
class Sketch:
    """A graph that is being written.

    Attributes:
        inputs: What is declared.
        outputs: The same.
        nodes: In order.
        constants: By name.

    """

    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    count: int = 0

    def name(self, stem: str = "v") -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def const(self, array: Any, name: str = "") -> str:
        name = name or self.name("c")
        self.constants[name] = np.asarray(array)
        return name

    def op(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [self.name(op_type.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def input(self, name: str, elem_type: int, dims: list[int | str | None]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, elem_type, dims))
        return name

    def output(self, name: str, value: str, elem_type: int) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, elem_type, None))

    def size(self, x: str, axis: int) -> str:
        """Return the size of an axis, of shape [1]."""
        return str(self.op("Gather", self.op("Shape", x), self.const(np.array([axis]))))

    def chosen(self, condition: str, yes: str, no: str) -> str:
        return str(self.op("Where", condition, yes, no))

    def model(self, opset: int = 17, ir_version: int = 8) -> onnx.ModelProto:
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "sketch", self.inputs, self.outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


Hook = "Callable[[Sketch, str], str]"
"""Returns what takes a value's place."""


@dataclass
class Shape:
    """What a random model is like.

    Attributes:
        seed: Of its weights.
        sizes: Input size, hidden size, directions.
        has: Its parts: "lens", "h0", "ids", "flag", "second", "mask", "labels", "states".
        dims: The names of the dims of steps and of the batch.
        attributes: Of the GRU.

    """

    seed: int
    sizes: tuple[int, int, int]
    has: frozenset[str]
    dims: tuple[str | None, str | None]
    attributes: dict[str, Any]


ROWS = 23


def random_shape(rng: np.random.Generator, *needed: str, without: tuple[str, ...] = ()) -> Shape:
    """Return what a random model with some parts is like."""
    parts = ("lens", "h0", "second", "mask", "labels", "states")
    has = {part for part in parts if rng.random() < 0.3} | set(needed)
    has -= set(without)
    directions = 2 if rng.random() < 0.3 else 1
    direction = "bidirectional" if directions == 2 else str(rng.choice(["forward", "reverse"]))
    return Shape(
        int(rng.integers(1 << 30)),
        (int(rng.choice([2, 3, 5])), int(rng.choice([2, 4, 7])), directions),
        frozenset(has),
        (("T", "N"), ("time", "batch"), (None, None))[int(rng.integers(3))],
        {"direction": direction, "linear_before_reset": int(rng.integers(2))},
    )


def build(shape: Shape, hooks: Mapping[str, Callable[[Sketch, str], str]] | None = None) -> Sketch:
    """Return a model with some values replaced.

    Args:
        shape: What it is like.
        hooks: By place, what returns the value that takes its place: "x", "ids", "lens", "h0", "y", "state", "score",
            "mask", "label", "end" (called with no value that matters, to change the whole).

    """
    hooks = hooks or {}
    rng, g = np.random.default_rng(shape.seed), Sketch()
    I, H, D = shape.sizes
    T, N = shape.dims

    def at(place: str, value: str) -> str:
        return hooks[place](g, value) if place in hooks else value

    def weights(inputs: int, stem: str) -> list[str]:
        limit = 0.8 / np.sqrt(H)
        shapes = {"W": (D, 3 * H, inputs), "R": (D, 3 * H, H), "B": (D, 6 * H)}
        return [g.const(rng.uniform(-limit, limit, each).astype(F), f"{stem}{key}") for key, each in shapes.items()]

    if "ids" in shape.has:
        ids = at("ids", g.input("ids", TensorProto.INT64, [T, N]))
        table = g.const(rng.standard_normal((ROWS, I)).astype(F), "table")
        x = g.op("Gather", table, ids)
    else:
        x = g.input("x", TensorProto.FLOAT, [T, N, I])
    x = at("x", x)
    lens = at("lens", g.input("lens", TensorProto.INT32, [N])) if "lens" in shape.has else ""
    h0 = at("h0", g.input("h0", TensorProto.FLOAT, [D, N, H])) if "h0" in shape.has else ""
    y, state = g.op("GRU", x, *weights(I, "first"), lens, h0, outputs=2, hidden_size=H, **shape.attributes)
    if "second" in shape.has:
        flat = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.const(np.array([0, 0, D * H])))
        y, state = g.op("GRU", flat, *weights(D * H, "second"), lens, "", outputs=2, hidden_size=H, **shape.attributes)
    y, state = at("y", y), at("state", state)
    last = g.op("Squeeze", g.op("Slice", state, *(g.const(np.array([n])) for n in (0, 1, 0))), g.const(np.array([0])))
    head = g.const(rng.standard_normal((H, 4)).astype(F), "head")
    score = at("score", g.op("MatMul", last, head))
    g.output("out", at("out", y if "states" in shape.has else score), TensorProto.FLOAT)
    if "labels" in shape.has:
        g.output("label", at("label", g.op("ArgMax", score, axis=1, keepdims=0)), TensorProto.INT64)
    if "mask" in shape.has:
        over = g.op("Greater", score, g.const(np.array(0.1, F)))
        g.output("mask", at("mask", g.op("Cast", over, to=TensorProto.UINT8)), TensorProto.UINT8)
    if "end" in hooks:
        hooks["end"](g, "")
    return g
