"""Element types that operators give are those of ONNX's own inference; what they do not say is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper

import gru_lower
from gru_lower.graph.element_types import propagate
from gru_lower.graph.model import hold, load
from gru_lower.graph.scopes import walk
from gru_lower.graph.shape_inference import infer

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("*.onnx"))
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def given_types(model: ModelProto) -> dict[str, int]:
    """Return the types of a model's inputs and initializers."""
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    return types | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_types_are_those_of_onnxs_inference(path: Path) -> None:
    model = load(path).proto
    known = given_types(model)
    assert propagate(next(walk(model)), known) is not None
    for name, value in infer(model).get("main", {}).items():
        assert value.type.tensor_type.elem_type in (0, known[name])


def model_of(*nodes: NodeProto, kind: int = FLOAT) -> ModelProto:
    """Return a model of some nodes, from x to y, which is declared to be of a type."""
    x, y = helper.make_tensor_value_info("x", FLOAT, [2]), helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(list(nodes), "g", [x], [y])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


SAID: dict[str, tuple[list[NodeProto], int]] = {
    "Cast": ([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.DOUBLE)], TensorProto.DOUBLE),
    "Shape": ([helper.make_node("Shape", ["x"], ["y"])], INT64),
    "ints": ([helper.make_node("Constant", [], ["y"], value_ints=[1])], INT64),
    "floats": ([helper.make_node("Constant", [], ["y"], value_floats=[1.0])], FLOAT),
    "second output": (
        [helper.make_node("Constant", [], ["k"], value_ints=[1]), helper.make_node("TopK", ["x", "k"], ["", "y"])],
        INT64,
    ),
    "comparison": ([helper.make_node("Less", ["x", "x"], ["y"])], TensorProto.BOOL),
}


@pytest.mark.parametrize("what", SAID)
def test_what_attributes_and_operators_say(what: str) -> None:
    nodes, kind = SAID[what]
    known: dict[str, int] = {"x": FLOAT}
    assert propagate(next(walk(model_of(*nodes))), known) is not None
    assert known["y"] == kind


LEFT: dict[str, list[NodeProto]] = {
    "another domain": [helper.make_node("Thing", ["x"], ["y"], domain="own")],
    "a sequence": [helper.make_node("SplitToSequence", ["x"], ["s"]), helper.make_node("Relu", ["x"], ["y"])],
    "unknown operator": [helper.make_node("Nothing", ["x"], ["y"])],
    "nobody makes it": [helper.make_node("Relu", ["z"], ["y"])],
    "dtype": [helper.make_node("RandomNormal", [], ["y"], shape=[1], dtype=TensorProto.DOUBLE)],
}


@pytest.mark.parametrize("what", LEFT)
def test_what_operators_do_not_say_is_left_to_the_inference(what: str) -> None:
    assert propagate(next(walk(model_of(*LEFT[what]))), {"x": FLOAT}) is None


def clashing(*nodes: NodeProto, **options: Any) -> list[str]:
    """Return the nodes at which types are found to clash."""
    found = gru_lower.check(model_of(*nodes, **options)).diagnostics
    return [each.node or "" for each in found if each.code == "GL740"]


def test_each_node_of_many_alike_that_clash_is_found() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["i"], to=INT64)]
    nodes += [helper.make_node("Add", ["x", "i"], [f"a{number}"]) for number in range(3)]
    nodes += [helper.make_node("Add", ["x", "x"], ["y"])]
    assert clashing(*nodes) == ["main#1:a0", "main#2:a1", "main#3:a2"]


def test_a_node_like_others_that_is_declared_otherwise_is_found() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    assert not clashing(*nodes)
    assert clashing(*nodes, kind=TensorProto.DOUBLE) == ["main#1:y"]


def test_a_contradiction_of_shapes_hides_no_types() -> None:
    wrong = helper.make_node("Constant", [], ["three"], value_floats=[1.0, 2.0, 3.0])
    nodes = [wrong, helper.make_node("Add", ["x", "three"], ["a"]), helper.make_node("Cast", ["a"], ["b"], to=INT64)]
    assert clashing(*nodes, helper.make_node("Mul", ["a", "b"], ["y"])) == ["main#3:y"]


def test_held_models_share_what_was_read() -> None:
    model = hold(model_of(helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["y"])))
    read = model.take_scopes()[0].columns
    assert read.unlike == [0]
