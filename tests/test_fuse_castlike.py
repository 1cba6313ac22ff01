"""Literals by CastLike, as onnxscript writes every one of them: in a graph, and in a function of the model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx

T, B, I, H = 3, 2, 3, 4
LITERALS = {
    "float": (helper.make_node("Constant", [], ["literal"], value_float=1.0), "z"),
    "int": (helper.make_node("Constant", [], ["literal"], value_int=1), "z"),
    "float64": (helper.make_node("Constant", [], ["literal"], value=numpy_helper.from_array(np.array(1.0))), "h"),
}
STEP = [
    helper.make_node("MatMul", ["x", "W"], ["xw"]), helper.make_node("MatMul", ["h", "R"], ["hr"]),
    helper.make_node("Split", ["xw", "sizes"], ["xz", "xr", "xn"], axis=1),
    helper.make_node("Split", ["hr", "sizes"], ["hz", "hg", "hn"], axis=1),
    helper.make_node("Add", ["xz", "hz"], ["pz"]), helper.make_node("Sigmoid", ["pz"], ["z"]),
    helper.make_node("Add", ["xr", "hg"], ["pr"]), helper.make_node("Sigmoid", ["pr"], ["r"]),
    helper.make_node("Mul", ["r", "hn"], ["rn"]), helper.make_node("Add", ["xn", "rn"], ["pn"]),
    helper.make_node("Tanh", ["pn"], ["n"]),
]  # fmt: skip
BLEND = [
    helper.make_node("Sub", ["one", "z"], ["rest"]), helper.make_node("Mul", ["rest", "n"], ["new"]),
    helper.make_node("Mul", ["z", "h"], ["old"]), helper.make_node("Add", ["new", "old"], ["Ht"]),
]  # fmt: skip


def model_of(literal: str, *, function: bool) -> onnx.ModelProto:
    """Return a Loop whose step has its 1 by CastLike, the step being a function of the model or not."""
    constant, like = LITERALS[literal]
    step = [*STEP, constant, helper.make_node("CastLike", ["literal", like], ["one"]), *BLEND]
    functions = []
    if function:
        opset = [helper.make_opsetid("", 17)]
        functions.append(helper.make_function("own", "step", ["x", "h", "W", "R", "sizes"], ["Ht"], step, opset))
        step = [helper.make_node("step", ["x", "h", "W", "R", "sizes"], ["Ht"], domain="own")]
    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Gather", ["X", "t"], ["x"], axis=0),
        *step,
        helper.make_node("Identity", ["go"], ["still"]),
    ]
    body = helper.make_graph(
        nodes,
        "body",
        [info("t", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("h", TensorProto.FLOAT, [B, H])],
        [info("still", TensorProto.BOOL, []), info("Ht", TensorProto.FLOAT, [B, H])],
    )
    rng = np.random.default_rng(0)
    arrays = {
        "W": rng.uniform(-0.5, 0.5, (I, 3 * H)).astype(np.float32),
        "R": rng.uniform(-0.5, 0.5, (H, 3 * H)).astype(np.float32),
        "sizes": np.array([H] * 3),
        "T": np.array(T),
    }
    graph = helper.make_graph(
        [helper.make_node("Loop", ["T", "", "h0"], ["last"], body=body)],
        "model",
        [info("X", TensorProto.FLOAT, [T, B, I]), info("h0", TensorProto.FLOAT, [B, H])],
        [info("last", TensorProto.FLOAT, [B, H])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("literal", list(LITERALS))
def test_a_literal_by_castlike_is_a_number(literal: str, function: bool) -> None:  # noqa: FBT001 - a parameter
    result = gru_lower.fuse(model_of(literal, function=function), require=1)
    assert result.report.verification.status == "equivalent"


def test_another_literal_is_no_one() -> None:
    model = model_of("float", function=False)
    body = next(a.g for a in model.graph.node[0].attribute if a.name == "body")
    next(node for node in body.node if node.op_type == "Constant").attribute[0].f = 2.0
    assert not any(is_onnx(node, "GRU") for node in gru_lower.fuse(model).model.graph.node)
