"""What breaks ONNX's rules is refused before anything reads it, in time that grows with the model and no faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

import zoo
from gru_lower import interop
from gru_lower.errors import InvalidModel
from gru_lower.graph.external_data import TRANSPOSED
from gru_lower.graph.validation.validate_model import validate_model

if TYPE_CHECKING:
    from onnx import NodeProto

FLOAT = TensorProto.FLOAT


def beside_a_gru(*nodes: NodeProto, initializers: tuple[TensorProto, ...] = (), opset: int = 17) -> ModelProto:
    """Return a model of a good GRU with other nodes before it."""
    model = zoo.gru_model(initializers=zoo.weights().values(), opset=opset)
    model.graph.initializer.extend(initializers)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


def body(inputs: int, outputs: int) -> GraphProto:
    names = [f"in{i}" for i in range(inputs)]
    nodes = [helper.make_node("Constant", [], [f"out{i}"], value_float=1.0) for i in range(outputs)]
    values = [helper.make_tensor_value_info(name, FLOAT, []) for name in names]
    made = [helper.make_tensor_value_info(f"out{i}", FLOAT, []) for i in range(outputs)]
    return helper.make_graph(nodes, "body", values, made)


def with_type(attribute: AttributeProto) -> NodeProto:
    node = helper.make_node("Softmax", ["X"], ["p"])
    node.attribute.append(attribute)
    return node


BROKEN: dict[str, tuple[NodeProto, ...]] = {
    "too few inputs": (helper.make_node("Expand", ["X"], ["p"]),),
    "too many inputs": (helper.make_node("Neg", ["X", "X"], ["p"]),),
    "an input without a name": (helper.make_node("MatMul", ["X", ""], ["p"]),),
    "no output": (helper.make_node("Neg", ["X"], []),),
    "too many outputs": (helper.make_node("Neg", ["X"], ["p", "q"]),),
    "a permutation of axes that are not there": (helper.make_node("Transpose", ["X"], ["p"], perm=[1, 0, 7]),),
    "a permutation that takes an axis twice": (helper.make_node("Transpose", ["X"], ["p"], perm=[1, 1, 2]),),
    "a missing attribute": (helper.make_node("Concat", ["X", "X"], ["p"]),),
    "an attribute of another type": (helper.make_node("Concat", ["X", "X"], ["p"], axis=1.5),),
    "an attribute without a value": (with_type(AttributeProto(name="axis", type=AttributeProto.INTS)),),
    "an attribute twice": (
        with_type(helper.make_attribute("axis", 0)).__class__.FromString(
            helper.make_node("Softmax", ["X"], ["p"], axis=0).SerializeToString()
            + helper.make_node("Softmax", [], [], axis=1).SerializeToString()
        ),
    ),
    "a Loop whose body takes too little": (helper.make_node("Loop", ["", "", "X"], ["p"], body=body(2, 2)),),
    "a Loop whose body gives too little": (helper.make_node("Loop", ["", "", "X"], ["p"], body=body(3, 1)),),
    "a Scan of more inputs than it has": (
        helper.make_node("Scan", ["X"], ["p"], body=body(1, 1), num_scan_inputs=2**40),
    ),
    "a Scan of no inputs": (helper.make_node("Scan", ["X"], ["p"], body=body(1, 1), num_scan_inputs=0),),
    "an If whose branch gives too little": (
        helper.make_node("If", ["X"], ["p"], then_branch=body(0, 1), else_branch=body(0, 0)),
    ),
    "an If whose branch takes something": (
        helper.make_node("If", ["X"], ["p"], then_branch=body(0, 1), else_branch=body(1, 1)),
    ),
    "a name for two values": (helper.make_node("Neg", ["X"], ["p"]), helper.make_node("Neg", ["X"], ["p"])),
    "an input that a node makes": (helper.make_node("Neg", ["R"], ["X"]),),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_a_rule_beside_a_good_gru_is_refused(what: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        interop.read(beside_a_gru(*BROKEN[what]))
    assert (caught.value.code, bool(caught.value.hint)) == ("GL015", True)


FINE: dict[str, tuple[NodeProto, ...]] = {
    "an attribute of a vendor": (helper.make_node("Neg", ["X"], ["p"], vendor_scale=0.5),),
    "an operator of somebody's own": (helper.make_node("Neg", [], [], domain="example"),),
    "an operator that onnx does not know": (helper.make_node("Nag", ["X"], ["p", "q"]),),
    "an output that is not asked for": (helper.make_node("Dropout", ["X"], ["p", ""]),),
    "an optional input left out": (helper.make_node("Clip", ["X", "", "X"], ["p"]),),
    "outputs of a body that are not asked for": (helper.make_node("Loop", ["", "", "X"], ["p"], body=body(3, 3)),),
    "nodes in another order": (helper.make_node("Neg", ["q"], ["p"]), helper.make_node("Neg", ["X"], ["q"])),
}


@pytest.mark.parametrize("what", FINE)
def test_what_runtimes_take_is_not_refused(what: str) -> None:
    validate_model(beside_a_gru(*FINE[what]))


@pytest.mark.parametrize("node", [helper.make_node("Add", ["X"], ["p"]), helper.make_node("Mul", ["X", "X"], [])])
def test_operators_of_opsets_to_come_take_no_less(node: NodeProto) -> None:
    more = helper.make_node("Add", ["X", "X", "X"], ["p"], later=1)
    validate_model(beside_a_gru(more, opset=99))
    with pytest.raises(InvalidModel):
        validate_model(beside_a_gru(node, opset=99))


def test_a_split_has_a_length_for_each_output() -> None:
    validate_model(beside_a_gru(helper.make_node("Split", ["X"], ["p", "q"], split=[2, 2]), opset=11))
    with pytest.raises(InvalidModel, match="its split has 1 number, and it has 2 outputs"):
        validate_model(beside_a_gru(helper.make_node("Split", ["X"], ["p", "q"], split=[2]), opset=11))


def test_operators_are_held_to_the_rules_of_the_opset_imported() -> None:
    squeeze = helper.make_node("Squeeze", ["X", "X"], ["p"])
    validate_model(beside_a_gru(squeeze, opset=13))
    with pytest.raises(InvalidModel, match="Squeeze has 2 inputs"):
        validate_model(beside_a_gru(squeeze, opset=11))
    newer = beside_a_gru(helper.make_node("Neg", ["X", "X"], ["p"]), opset=17)
    newer.opset_import[0].version = 10_000
    validate_model(newer)


TENSORS: dict[str, dict[str, Any]] = {
    "raw data too short": {"data_type": FLOAT, "dims": [3], "raw_data": b"\0" * 8},
    "raw data too long": {"data_type": FLOAT, "dims": [3], "raw_data": b"\0" * 16},
    "too few values": {"data_type": FLOAT, "dims": [3], "float_data": [1.0, 2.0]},
    "values of another type": {"data_type": FLOAT, "dims": [2], "int64_data": [1, 2]},
    "a negative dim": {"data_type": FLOAT, "dims": [-1, -1], "float_data": [1.0]},
    "more elements than there can be": {"data_type": FLOAT, "dims": [2**62, 2**62], "float_data": [1.0]},
    "no data": {"data_type": TensorProto.INT64, "dims": [2]},
    "texts as raw data": {"data_type": TensorProto.STRING, "dims": [1], "raw_data": b"text"},
    "raw data too long, of many bytes": {"data_type": FLOAT, "dims": [2**19], "raw_data": b"\0" * (2**21 + 4)},
}


@pytest.mark.parametrize("what", TENSORS)
def test_a_tensor_holds_what_its_shape_says(what: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        validate_model(beside_a_gru(initializers=(TensorProto(name="c", **TENSORS[what]),)))
    assert caught.value.code == "GL007"


def test_tensors_of_every_type_are_as_long_as_they_are() -> None:
    kinds = [kind for kind in TensorProto.DataType.values() if kind != TensorProto.UNDEFINED]
    for kind in kinds:
        if kind == TensorProto.STRING:
            held = TensorProto(name="c", data_type=kind, dims=[3], string_data=[b"a", b"b", b"c"])
        else:
            held = helper.make_tensor("c", kind, [3], [1, 0, 1])
        validate_model(beside_a_gru(initializers=(held,)))
    large = TensorProto(name="c", doc_string="of many bytes", data_type=FLOAT, dims=[2**19], raw_data=b"\0" * 2**21)
    validate_model(beside_a_gru(initializers=(large,)))


def test_equal_initializers_of_one_name_are_one() -> None:
    one = helper.make_tensor("c", FLOAT, [1], [1.0])
    validate_model(beside_a_gru(initializers=(one, one)))
    with pytest.raises(InvalidModel, match="'c' is given to two values"):
        validate_model(beside_a_gru(initializers=(one, helper.make_tensor("c", FLOAT, [1], [2.0]))))


def chain_of_functions(length: int, calls: int = 1) -> ModelProto:
    """Return a model whose functions each call the next one."""
    model = beside_a_gru(helper.make_node("f0", ["X"], ["p"], domain="own"))
    model.opset_import.append(helper.make_opsetid("own", 1))
    for i in range(length):
        last = i == length - 1
        nodes = [
            helper.make_node("Neg" if last else f"f{i + 1}", ["a" if j == 0 else f"b{j}"], [f"b{j + 1}"])
            for j in range(calls)
        ]
        for node in nodes:
            node.domain = "" if last else "own"
        function = helper.make_function("own", f"f{i}", ["a"], [f"b{calls}"], nodes, [helper.make_opsetid("own", 1)])
        model.functions.append(function)
    return model


def test_a_chain_of_a_thousand_functions_is_read() -> None:
    validate_model(chain_of_functions(1000))


@pytest.mark.parametrize(("length", "calls"), [(1000, 2), (40, 2), (8, 12)])
def test_functions_that_no_runtime_could_write_out_are_refused(length: int, calls: int) -> None:
    with pytest.raises(InvalidModel, match="written out at every call"):
        validate_model(chain_of_functions(length, calls))


def test_a_ring_of_functions_is_refused() -> None:
    model = chain_of_functions(1000)
    model.functions[-1].node[0].op_type, model.functions[-1].node[0].domain = "f0", "own"
    with pytest.raises(InvalidModel, match="calls itself"):
        validate_model(model)


def test_a_function_is_there_once() -> None:
    model = chain_of_functions(2)
    model.functions.append(model.functions[0])
    with pytest.raises(InvalidModel, match="own::f0 is there twice"):
        validate_model(model)


@pytest.mark.parametrize(("domain", "version"), [("", 0), ("", -1), ("", 2**40), ("ai.onnx", 16)])
def test_an_opset_is_imported_once_and_is_one(domain: str, version: int) -> None:
    model = beside_a_gru()
    model.opset_import.append(helper.make_opsetid(domain, version))
    with pytest.raises(InvalidModel, match="imports"):
        validate_model(model)


def test_bodies_are_nested_no_deeper_than_a_file_can_hold() -> None:
    model = beside_a_gru()
    graph = model.graph
    for _ in range(40):  # in memory, where protobuf counts no levels
        node = graph.node.add(op_type="If", input=["X"], output=["p"])
        for branch in ("then_branch", "else_branch"):
            graph = node.attribute.add(name=branch, type=AttributeProto.GRAPH).g
            graph.node.add(op_type="Constant", output=["q"]).attribute.append(helper.make_attribute("value_float", 1.0))
            graph.output.add(name="q")
    with pytest.raises(InvalidModel, match="nested"):
        validate_model(model)


@pytest.mark.parametrize("op_type", ["GRU", "Softmax", "Special"])
def test_a_graph_has_no_parameters_to_refer_to(op_type: str) -> None:
    node = helper.make_node(op_type, ["X", "W", "R"] if op_type == "GRU" else ["X"], ["p"])
    node.attribute.append(AttributeProto(name="axis", ref_attr_name="alpha", type=AttributeProto.INT))
    with pytest.raises(InvalidModel, match="refers to a function's"):
        validate_model(beside_a_gru(node))


def test_a_mark_of_our_own_is_refused() -> None:
    tensor = zoo.external_tensor("c", (3, 2), FLOAT, location="w.bin", offset=0, length=24)
    validate_model(beside_a_gru(initializers=(tensor,)))
    tensor.external_data.add(key=TRANSPOSED, value="2,3")
    with pytest.raises(InvalidModel, match=r"gru-lower's own") as caught:
        validate_model(beside_a_gru(initializers=(tensor,)))
    assert caught.value.code == "GL006"
