"""What nodes are read as once serves all who look: who edits a model finds what is there then."""

from __future__ import annotations

import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper

import gru_lower
from gru_lower.graph.model import hold
from gru_lower.graph.scopes import walk


def model_of(*nodes: NodeProto) -> ModelProto:
    """Return a model of some nodes, from x to y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    return helper.make_model(helper.make_graph(list(nodes), "g", [x], [y]), ir_version=8)


def test_columns_stand_beside_each_other_node_by_node() -> None:
    nodes = [
        helper.make_node("Clip", ["x", "", "x"], ["a"]),
        helper.make_node("Gelu", ["a"], ["b"], domain="somebody"),
        helper.make_node("Elu", ["b"], ["y"], alpha=0.5),
    ]
    read = next(walk(model_of(*nodes))).columns
    assert (read.op_types, read.domains) == (["Clip", "Gelu", "Elu"], ["", "somebody", ""])
    assert (read.inputs, read.outputs) == ([["x", "", "x"], ["a"], ["b"]], [["a"], ["b"], ["y"]])
    assert read.attributed == [read.nodes[2]]


def test_scopes_that_reading_left_are_handed_out_once() -> None:
    model = hold(model_of(helper.make_node("Relu", ["x"], ["y"])))
    assert [scope.path for scope in model.take_scopes()] == ["main"]
    model.proto.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    assert model.take_scopes()[0].columns.op_types == ["Relu", "Relu"]


def test_a_model_that_was_edited_is_read_anew() -> None:
    model = hold(model_of(helper.make_node("Relu", ["x"], ["y"])))
    model.proto.graph.node[0].op_type, model.modified = "Abs", True
    assert model.take_scopes()[0].columns.op_types == ["Abs"]


def test_the_second_of_two_nodes_alike_is_held_to_the_rules_where_an_input_has_no_name() -> None:
    nodes = [helper.make_node("Add", ["x", "x"], ["a"]), helper.make_node("Add", ["a", ""], ["y"])]
    with pytest.raises(gru_lower.InvalidModel) as caught:
        gru_lower.check(model_of(*nodes))
    assert caught.value.code == "GL015"
