"""Models in which nothing multiplies two values are not interpreted: none of their values could be a step."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.passes.fuse_gru.interpreter.interpret_model import interpret_scopes
from gru_lower.passes.fuse_gru.recognition import may_recur as module
from gru_lower.passes.fuse_gru.recognition.may_recur import may_recur

if TYPE_CHECKING:
    from collections.abc import Sequence

UNARY = sorted(module.OF_ONE_VALUE - {"PRelu"})
SUMS = ["Add", "Mean", "Sub", "Sum"]


def model_of(nodes: list[NodeProto], output: str, tensors: Sequence[TensorProto] = ()) -> ModelProto:
    """Return a model of nodes that read X and h0, the numbers 3 and a matrix."""
    known = {"c": np.full((4, 4), 0.25, np.float32), "k": np.array(3.0, np.float32)}
    tensors = [*(numpy_helper.from_array(values, name) for name, values in known.items()), *tensors]
    shape: list[str | int | None] = ["B", 4]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("X", "h0")],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def random_nodes(seed: int, count: int = 60) -> tuple[list[NodeProto], str]:
    """Return nodes of every operator that is said to multiply nothing, each of values made before."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    values, nodes = ["X", "h0"], list[NodeProto]()
    for index in range(count):
        kind = draw.randrange(5)
        one, other = draw.choice(values), draw.choice(values)
        name = f"v{index}"
        if kind < 2:
            nodes.append(helper.make_node(draw.choice(UNARY), [one], [name]))
        elif kind == 2:
            nodes.append(helper.make_node(draw.choice(SUMS), [one, other], [name]))
        elif kind == 3:
            op_type, by = draw.choice((("MatMul", f"{name}w"), ("Gemm", f"{name}w"), ("Mul", "k"), ("Div", "k")))
            if by != "k":
                weights = numpy_helper.from_array(np.full((4, 4), index + 1, np.float32))
                nodes.append(helper.make_node("Constant", [], [by], value=weights))
            nodes.append(helper.make_node(op_type, [one, by], [name]))
        else:
            nodes += [
                helper.make_node("Concat", [one, other], [f"{name}c"], axis=1),
                helper.make_node("Split", [f"{name}c"], [name, f"{name}s"], axis=1),
                helper.make_node("Transpose", [name], [f"{name}t"], perm=[1, 0]),
            ]
        values.append(name)
    return nodes, values[-1]


@pytest.mark.parametrize("seed", range(12))
def test_what_multiplies_no_values_has_none_that_could_be_a_gate(seed: int) -> None:
    model = model_of(*random_nodes(seed))
    assert not may_recur(model)
    held = Model(model)
    (interpreter,) = interpret_scopes(Facts(held))
    assert max(poly.degree for poly in interpreter.named_tensors) < 2


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Mul", ["X", "h0"], ["y"]),
        helper.make_node("Div", ["X", "h0"], ["y"]),
        helper.make_node("Pow", ["X", "two"], ["y"]),
        helper.make_node("Where", ["X", "h0", "X"], ["y"]),
        helper.make_node("MatMul", ["X", "h0"], ["y"]),
        helper.make_node("Mul", ["X", "default"], ["y"]),
        helper.make_node("FusedMatMul", ["X", "h0"], ["y"], domain="com.microsoft"),
    ],
    ids=lambda node: f"{node.op_type}-{node.input[1]}",
)
def test_a_product_of_two_values_is_seen(node: NodeProto) -> None:
    model = model_of([node], "y")
    model.graph.input.append(helper.make_tensor_value_info("default", TensorProto.FLOAT, [4, 4]))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4), np.float32), "default"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(2.0, np.float32), "two"))
    assert may_recur(model)


def test_a_recurrence_of_whole_numbers_is_listed_all_the_same() -> None:
    weight = numpy_helper.from_array(np.ones((4, 4), np.int8), "w")
    nodes, state = list[NodeProto](), "X"
    for step in range(3):
        q, scale, zero, product, back = (f"{name}{step}" for name in ("q", "s", "z", "p", "b"))
        nodes += [
            helper.make_node("DynamicQuantizeLinear", [state], [q, scale, zero]),
            helper.make_node("MatMulInteger", [q, "w", zero], [product]),
            helper.make_node("Cast", [product], [back], to=TensorProto.FLOAT),
        ]
        state = back
    model = model_of(nodes, state, [weight])
    assert not may_recur(model)
    report = gru_lower.fuse(model, verify=False).report
    assert [site.code for site in report.sites] == ["GL801"]
    assert [each.code for each in report.diagnostics].count("GL801") == 1
    assert any(site.code == "GL801" for site in gru_lower.inspect(model).sites)


@pytest.mark.parametrize("stored", ["once", "once a step", "as different ones", "in one shape, and not the same"])
def test_weights_that_are_used_twice_may_be_a_recurrences(stored: str) -> None:
    weights = np.arange(16, dtype=np.float32).reshape(4, 4)
    second = {"as different ones": weights[:, :2], "in one shape, and not the same": weights + 1}.get(stored, weights)
    tensors = [
        numpy_helper.from_array(np.ascontiguousarray(each), f"w{place}") for place, each in enumerate((weights, second))
    ]
    nodes = [
        helper.make_node("MatMul", ["X", "w0"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("MatMul", ["t", "w0" if stored == "once" else "w1"], ["y"]),
    ]
    assert may_recur(model_of(nodes, "y", tensors)) == stored.startswith("once")
