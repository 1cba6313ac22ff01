"""Loops whose bodies compute more than a GRU's states: the GRU comes out, the rest stays behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx, subgraphs

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

T, B, I, H, O = 6, 2, 3, 4, 5
TAILS: dict[str, list[tuple[str, list[str], str, dict[str, Any]]]] = {
    "states": [("Identity", ["Ht"], "Y", {})],
    "projection": [("MatMul", ["Ht", "Wo"], "Y", {})],
    "softmax": [("MatMul", ["Ht", "Wo"], "yo", {}), ("Softmax", ["yo"], "Y", {"axis": 1})],
    "skip": [("MatMul", ["Ht", "Wo"], "yo", {}), ("MatMul", ["x", "Wx"], "yx", {}), ("Add", ["yo", "yx"], "Y", {})],
    "state before": [("Concat", ["Ht", "Ht_1"], "Y", {"axis": 1})],
}
HEADS: dict[str, list[tuple[str, list[str], str, dict[str, Any]]]] = {
    "": [],
    "rectified layer": [("MatMul", ["given", "P"], "p", {}), ("Relu", ["p"], "x", {})],
    "softmax": [("Softmax", ["given"], "x", {"axis": 1})],
    "embedding": [("Gather", ["E", "given"], "x", {"axis": 0})],
}
CARRIERS = ("Scan", "Scan backwards", "Loop")


def cell() -> list[NodeProto]:
    """Return the nodes that make Ht of x and Ht_1."""
    spelled = [
        ("MatMul", ["x", "W"], ["xw"]), ("Add", ["xw", "b"], ["xb"]), ("MatMul", ["Ht_1", "R"], ["hr"]),
        ("Add", ["hr", "c"], ["hb"]), ("Split", ["xb"], ["xz", "xr", "xn"]), ("Split", ["hb"], ["hz", "hrr", "hn"]),
        ("Add", ["xz", "hz"], ["pz"]), ("Sigmoid", ["pz"], ["z"]), ("Add", ["xr", "hrr"], ["pr"]),
        ("Sigmoid", ["pr"], ["r"]), ("Mul", ["r", "hn"], ["rh"]), ("Add", ["xn", "rh"], ["pn"]),
        ("Tanh", ["pn"], ["n"]), ("Sub", ["Ht_1", "n"], ["d"]), ("Mul", ["z", "d"], ["zd"]),
        ("Add", ["n", "zd"], ["Ht"]),
    ]  # fmt: skip
    nodes = [helper.make_node(op, given, made) for op, given, made in spelled]
    for node in nodes:
        node.attribute.extend([helper.make_attribute("axis", 1)] if node.op_type == "Split" else [])
    return nodes


def model_of(carrier: str, tail: str, head: str = "") -> onnx.ModelProto:
    """Return a model of one loop, its states and what its body makes of them, and of its input before."""
    rng = np.random.default_rng(0)
    shapes = {"W": (I, 3 * H), "R": (H, 3 * H), "b": (3 * H,), "c": (3 * H,), "Wo": (H, O), "Wx": (I, O)}
    shapes |= {"P": (I, I), "E": (7, I)}
    constants = {name: (rng.standard_normal(shape) / 2).astype(np.float32) for name, shape in shapes.items()}
    ahead, behind = (
        [helper.make_node(op, given, [made], **more) for op, given, made, more in nodes]
        for nodes in (HEADS[head], TAILS[tail])
    )
    nodes, step = [*ahead, *cell(), *behind], "given" if head else "x"
    kind = TensorProto.INT64 if head == "embedding" else TensorProto.FLOAT

    def info(name: str, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, None)

    if carrier == "Loop":
        i = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        going, still = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("going", "still"))
        nodes = [
            helper.make_node("Gather", ["X", "i"], [step], axis=0),
            *nodes,
            helper.make_node("Identity", ["going"], ["still"]),
        ]
        body = helper.make_graph(nodes, "body", [i, going, info("Ht_1")], [still, info("Ht"), info("Y")])
        loop = helper.make_node("Loop", ["trips", "", "h0"], ["last", "outputs"], body=body)
        more = {"trips": np.array(T)}
    else:
        body = helper.make_graph(nodes, "body", [info("Ht_1"), info(step, kind)], [info("Ht"), info("Y")])
        ways: dict[str, Any] = (
            {"scan_input_directions": [1], "scan_output_directions": [1]} if carrier == "Scan backwards" else {}
        )
        loop = helper.make_node("Scan", ["h0", "X"], ["last", "outputs"], body=body, num_scan_inputs=1, **ways)
        more = {}
    inputs = [
        helper.make_tensor_value_info("X", kind, [T, B] if head == "embedding" else [T, B, I]),
        helper.make_tensor_value_info("h0", TensorProto.FLOAT, [B, H]),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in (constants | more).items()]
    graph = helper.make_graph([loop], "model", inputs, [info("last"), info("outputs")], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("tail", [tail for tail in TAILS if tail != "states"])
def test_the_gru_comes_out_and_the_rest_stays(carrier: str, tail: str) -> None:
    result = gru_lower.fuse(model_of(carrier, tail), require=1)
    assert result.report.verification.status == "equivalent"
    loops = [node for node in result.model.graph.node if node.op_type in ("Scan", "Loop")]
    assert sum(is_onnx(node, "GRU") for node in result.model.graph.node) == 1
    assert [len(body.node) < len(cell()) for node in loops for _, body in subgraphs(node)] == [True]


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("head", [head for head in HEADS if head])
@pytest.mark.parametrize("tail", ["projection", "states"])
def test_what_a_step_makes_of_its_input_goes_ahead(carrier: str, head: str, tail: str) -> None:
    result = gru_lower.fuse(model_of(carrier, tail, head), require=1)
    assert result.report.verification.status == "equivalent"
    loops = [node for node in result.model.graph.node if node.op_type in ("Scan", "Loop")]
    assert len(loops) == (2 if tail == "projection" else 1)
    assert all(len(body.node) < len(cell()) for node in loops for _, body in subgraphs(node))


def with_condition(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Let a Loop go on by a constant True: captured, made by a node outside, or made in the body."""
    loop = next(node for node in model.graph.node if node.op_type == "Loop")
    body = next(graph for _, graph in subgraphs(loop))
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.ones((), bool)))
    if where == "initializer":
        model.graph.initializer.append(numpy_helper.from_array(np.ones((), bool), "yes"))
    elif where == "node outside":
        model.graph.node.insert(0, yes)
    else:
        body.node.insert(0, yes)
    next(node for node in body.node if node.output[0] == "still").input[0] = "yes"
    loop.input[1] = "yes" if where == "initializer" else ""
    return model


@pytest.mark.parametrize("where", ["initializer", "node outside", "node inside"])
@pytest.mark.parametrize(("head", "tail"), [("", "projection"), ("rectified layer", "states")])
def test_a_condition_that_is_a_constant_does_not_hold_a_loop_together(where: str, head: str, tail: str) -> None:
    result = gru_lower.fuse(with_condition(model_of("Loop", tail, head), where), require=1)
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("tail", ["projection", "states"])
def test_a_loop_over_an_open_length_is_taken_apart(tail: str) -> None:
    model = model_of("Loop", tail, "rectified layer")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "T"
    del model.graph.initializer[[tensor.name for tensor in model.graph.initializer].index("trips")]
    model.graph.initializer.append(numpy_helper.from_array(np.array(0), "first"))
    model.graph.node.insert(0, helper.make_node("Shape", ["X"], ["sizes"]))
    model.graph.node.insert(1, helper.make_node("Gather", ["sizes", "first"], ["trips"]))
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"


def test_a_condition_that_is_false_stops_a_loop() -> None:
    model = with_condition(model_of("Loop", "projection"), "initializer")
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.zeros((), bool), "yes"))
    assert not any(is_onnx(node, "GRU") for node in gru_lower.fuse(model).model.graph.node)


def test_a_loop_that_asks_for_no_second_step_is_one_step() -> None:
    """Keras writes a GRU over a sequence of length 1 like this."""
    model = model_of("Loop", "states")
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (graph for _, graph in subgraphs(loop))
    no = numpy_helper.from_array(np.zeros((), bool), "no")
    model.graph.initializer.append(no)
    next(node for node in body.node if node.output[0] == "still").input[0] = "no"
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"


def test_a_loop_that_is_no_gru_stays_to_the_byte() -> None:
    model = model_of("Scan", "projection")
    body = next(graph for node in model.graph.node for _, graph in subgraphs(node))
    next(node for node in body.node if node.output[0] == "z").op_type = "Tanh"
    before = model.SerializeToString(deterministic=True)
    result = gru_lower.fuse(model)
    assert result.model.SerializeToString(deterministic=True) == before


def test_all_but_the_last_state_is_no_y() -> None:
    """It reads as all of them do, one step shorter."""
    model = model_of("Scan", "states")
    constants = [numpy_helper.from_array(np.array([value]), name) for name, value in (("zero", 0), ("end", -1))]
    model.graph.initializer.extend(constants)
    model.graph.node.append(helper.make_node("Slice", ["outputs", "zero", "end", "zero"], ["rest"]))
    model.graph.output[1].name = "rest"
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"


def test_a_convolution_that_leaves_one_column_is_read_along_its_rows() -> None:
    """Its Reshape to (batch, steps, channels) leaves out an axis that was taken for the features."""
    model = model_of("Scan", "states")
    constants = {
        "K": np.random.default_rng(3).standard_normal((I, 1, 1, 4)).astype(np.float32),
        "to": np.array([B, -1, I]),
    }
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    ahead = [
        helper.make_node("Conv", ["image", "K"], ["columns"], kernel_shape=[1, 4]),
        helper.make_node("Transpose", ["columns"], ["rows"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["rows", "to"], ["sequence"]),
        helper.make_node("Transpose", ["sequence"], ["X"], perm=[1, 0, 2]),
    ]
    nodes = [*ahead, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, [B, 1, "rows", 4]))
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("kept", [True, False])
def test_a_mask_that_is_the_same_in_every_step_is_none(kept: bool) -> None:  # noqa: FBT001 - pytest hands it in
    """A scan input of constants: torchrl's mask of ones; where a step is left out, it decides."""
    model = model_of("Scan", "states")
    (scan,) = (node for node in model.graph.node if node.op_type == "Scan")
    (body,) = (graph for _, graph in subgraphs(scan))
    for node in body.node:
        node.output[:] = ["Ht_new" if name == "Ht" else name for name in node.output]
        node.input[:] = ["Ht_new" if name == "Ht" else name for name in node.input]
    mask = np.ones((T, B), bool)
    mask[2] = kept
    model.graph.initializer.append(numpy_helper.from_array(mask, "mask"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "last_axis"))
    scan.input.append("mask")
    body.input.append(helper.make_tensor_value_info("m", TensorProto.BOOL, None))
    body.node.extend(
        [
            helper.make_node("Unsqueeze", ["m", "last_axis"], ["m1"]),
            helper.make_node("Where", ["m1", "Ht_new", "Ht_1"], ["Ht"]),
        ]
    )
    next(attribute for attribute in scan.attribute if attribute.name == "num_scan_inputs").i = 2
    result = gru_lower.fuse(model)
    assert any(is_onnx(node, "GRU") for node in result.model.graph.node) == kept
    if kept:
        assert result.report.verification.status == "equivalent"
