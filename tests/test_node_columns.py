"""What nodes are read as once serves all who look: who edits a model finds what is there then."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

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


def test_nodes_are_alike_but_for_names_and_the_values_of_tensors() -> None:
    def constant(name: str, *values: float, kind: int = TensorProto.FLOAT) -> NodeProto:
        return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [len(values)], values))

    nodes = [constant("a", 1.0), constant("b", 2.0), constant("c", 1, kind=TensorProto.INT64)]
    nodes += [helper.make_node("Elu", [name], [f"e{name}"], alpha=alpha) for name, alpha in (("a", 1.0), ("b", 0.5))]
    read = next(walk(model_of(*nodes))).columns
    assert read.unlike == [0, 2, 3, 4]


def test_whole_numbers_in_attributes_are_read_each() -> None:
    def sizes(*values: int) -> NodeProto:
        value = numpy_helper.from_array(np.array(values))
        return helper.make_node("Constant", [], [f"s{values}"], value=value)

    read = next(walk(model_of(sizes(1, 2), sizes(1, 2), sizes(-1, 2)))).columns
    assert [numpy_helper.to_array(tensor).tolist() for tensor in read.tensors] == [[1, 2], [-1, 2]]


def test_a_node_of_two_bodies_is_one_that_holds_graphs() -> None:
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "b", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body)
    assert next(walk(model_of(node))).columns.holders == [0]
