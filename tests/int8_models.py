"""GRUs of every kind as small models, for tests of quantising."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]


def gru_model(
    *,
    H: int = 8,
    I: int = 5,
    T: int | str = 6,
    opset: int = 17,
    direction: str = "forward",
    bias: bool = True,
    lens: bool = False,
    initial: bool = False,
    outputs: tuple[str, str] = ("Y", "Y_h"),
    layout: int = 0,
    seed: int = 0,
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a model of one GRU node with weights uniform within 1/√H."""
    rng = np.random.default_rng(seed)
    D = 2 if direction == "bidirectional" else 1

    def uniform(*shape: int) -> Array:
        return np.asarray(rng.uniform(-1, 1, shape) / H**0.5, np.float32)

    constants = {"W": uniform(D, 3 * H, I), "R": uniform(D, 3 * H, H)}
    constants |= {"B": uniform(D, 6 * H)} if bias else {}
    info = helper.make_tensor_value_info
    inputs = [info("X", TensorProto.FLOAT, ["B", T, I] if layout else [T, "B", I])]
    inputs += [info("lens", TensorProto.INT32, ["B"])] if lens else []
    inputs += [info("h0", TensorProto.FLOAT, ["B", D, H] if layout else [D, "B", H])] if initial else []
    names = ["X", "W", "R", "B" if bias else "", "lens" if lens else "", "h0" if initial else ""]
    given = attributes | ({"layout": 1} if layout else {})
    node = helper.make_node("GRU", names, list(outputs), name="gru", hidden_size=H, direction=direction, **given)
    graph = helper.make_graph(
        [node],
        "g",
        inputs,
        [info(name, TensorProto.FLOAT, [None] * rank) for name, rank in zip(outputs, (4, 3), strict=True) if name],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def cases_of(
    model: onnx.ModelProto, *, count: int = 2, B: int = 3, T: int = 6, seed: int = 1
) -> list[dict[str, Array]]:
    """Return inputs for such a model."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        case: dict[str, Array] = {}
        for value in model.graph.input:
            dims = [dim.dim_value or {"B": B, "T": T}[dim.dim_param] for dim in value.type.tensor_type.shape.dim]
            if value.name == "lens":
                case["lens"] = rng.integers(1, T + 1, dims).astype(np.int32)
            elif value.name == "h0":
                case["h0"] = rng.uniform(-1, 1, dims).astype(np.float32)
            else:
                case[value.name] = rng.standard_normal(dims).astype(np.float32)
        found.append(case)
    return found


def nodes_of(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes of every graph of a model."""

    def within(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
        found = list(graph.node)
        for node in graph.node:
            for attribute in node.attribute:
                found += within(attribute.g) if attribute.type == onnx.AttributeProto.GRAPH else []
        return found

    return within(model.graph)
