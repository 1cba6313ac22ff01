"""Every place a GRU can stand, and every place its weights can come from: lowered there, and computing the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.scopes import walk
from lowering import holds_gru, lower, op_types, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]
T, B, I, H = 4, 2, 3, 5
FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
FORMS = ("scan", "loop", "unroll")


def weights(seed: int = 0, suffix: str = "") -> list[TensorProto]:
    """Return W, R and B as initializers."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (1, 3 * H, I), "R": (1, 3 * H, H), "B": (1, 6 * H)}
    return [
        numpy_helper.from_array(rng.uniform(-0.5, 0.5, shape).astype(np.float32), f"{name}{suffix}")
        for name, shape in shapes.items()
    ]


def gru(
    inputs: Sequence[str] = ("X", "W", "R", "B"), outputs: Sequence[str] = ("Y", "Y_h"), **more: Any
) -> onnx.NodeProto:
    """Return a GRU node."""
    attributes: dict[str, Any] = {"hidden_size": H, "linear_before_reset": 1, **more}
    return helper.make_node("GRU", list(inputs), list(outputs), **{"name": "gru", **attributes})


def tensor(name: str, shape: Sequence[int | str] | None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    """Return a tensor type."""
    return helper.make_tensor_value_info(name, kind, shape)


X = tensor("X", [T, B, I])


def model(
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
    inputs: Sequence[onnx.ValueInfoProto] = (X,),
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """Return a checked model of opset 17."""
    graph = helper.make_graph(list(nodes), "main", list(inputs), list(outputs), list(initializers))
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("my.dom", 1)] if functions else [])
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=list(functions))
    onnx.checker.check_model(made)
    return made


def body(nodes: Sequence[onnx.NodeProto], outputs: Sequence[onnx.ValueInfoProto], **parts: Any) -> onnx.GraphProto:
    """Return a body."""
    return helper.make_graph(list(nodes), "body", parts.get("inputs", []), list(outputs), parts.get("initializers", []))


def in_an_if() -> onnx.ModelProto:
    """Two branches, each with a GRU that captures X and the weights, under the same names."""
    branches = {
        f"{which}_branch": body([gru(outputs=["Y"], direction=direction)], [tensor("Y", [T, 1, B, H])])
        for which, direction in (("then", "forward"), ("else", "reverse"))
    }
    node = helper.make_node("If", ["c"], ["Z"], name="if_7", **branches)
    return model([node], [tensor("Z", [T, 1, B, H])], weights(), [X, tensor("c", [], BOOL)])


def in_an_if_in_a_loop() -> onnx.ModelProto:
    """A GRU two bodies deep, whose state goes around the loop."""
    then = body([gru(["X", "W", "R", "B", "", "h"], ["", "out"])], [tensor("out", [1, B, H])])
    other = body([helper.make_node("Identity", ["h"], ["same"])], [tensor("same", [1, B, H])])
    choose = helper.make_node("If", ["go"], ["next"], name="", then_branch=then, else_branch=other)
    keep = helper.make_node("Identity", ["go"], ["still"])
    loop_body = body(
        [choose, keep],
        [tensor("still", [], BOOL), tensor("next", [1, B, H])],
        inputs=[tensor("k", [], INT64), tensor("go", [], BOOL), tensor("h", [1, B, H])],
    )
    three = numpy_helper.from_array(np.array(3), "three")
    loop = helper.make_node("Loop", ["three", "c", "h0"], ["last"], name="loop", body=loop_body)
    inputs = [X, tensor("c", [], BOOL), tensor("h0", [1, B, H])]
    return model([loop], [tensor("last", [1, B, H])], [*weights(), three], inputs)


def in_a_scan() -> onnx.ModelProto:
    """A Scan over groups of sequences, with a GRU in its body that holds its own weights."""
    scan_body = body(
        [gru(["x", "W", "R", "B", "", "h"], ["y", "h_out"]), helper.make_node("Identity", ["y"], ["y_out"])],
        [tensor("h_out", [1, B, H]), tensor("y_out", [T, 1, B, H])],
        inputs=[tensor("h", [1, B, H]), tensor("x", [T, B, I])],
        initializers=weights(),
    )
    scan = helper.make_node("Scan", ["h0", "groups"], ["last", "ys"], name="scan", body=scan_body, num_scan_inputs=1)
    inputs = [tensor("h0", [1, B, H]), tensor("groups", [2, T, B, I])]
    return model([scan], [tensor("last", [1, B, H]), tensor("ys", [2, T, 1, B, H])], [], inputs)


def wrap(nodes: Sequence[onnx.NodeProto], **parts: Any) -> onnx.FunctionProto:
    """Return a local function of domain my.dom."""
    function = helper.make_function(
        "my.dom",
        parts.get("name", "Wrap"),
        parts.get("inputs", ["X", "W", "R", "B"]),
        parts.get("outputs", ["Y", "Y_h"]),
        list(nodes),
        [helper.make_opsetid("", 17), helper.make_opsetid("my.dom", 1)],
        parts.get("attributes", []),
    )
    function.attribute_proto.extend(parts.get("defaults", []))
    return function


def call(name: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """Return a call of a local function."""
    return helper.make_node(name, list(inputs), list(outputs), domain="my.dom", **attributes)


def reference_to(node: onnx.NodeProto, **references: str) -> onnx.NodeProto:
    """Make attributes of a node references to the function's parameters."""
    for name, parameter in references.items():
        kinds = {"direction": onnx.AttributeProto.STRING, "clip": onnx.AttributeProto.FLOAT}
        for attribute in [a for a in node.attribute if a.name == name]:
            node.attribute.remove(attribute)
        kind = kinds.get(name, onnx.AttributeProto.INT)
        node.attribute.add(name=name, ref_attr_name=parameter, type=kind)
    return node


TWO_CALLS = [tensor(f"Y{i}", [T, 1, B, H]) for i in (1, 2)]


def in_a_function_called_twice() -> onnx.ModelProto:
    """One function, two calls with different weights as parameters."""
    calls = [call("Wrap", ["X", f"W{i}", f"R{i}", f"B{i}"], [f"Y{i}", f"h{i}"]) for i in (1, 2)]
    return model(calls, TWO_CALLS, weights(1, "1") + weights(2, "2"), functions=[wrap([gru()])])


def attribute_references_that_agree() -> onnx.ModelProto:
    """Both calls give the same attributes."""
    function = wrap([reference_to(gru(), linear_before_reset="lbr", direction="d")], attributes=["lbr", "d"])
    calls = [call("Wrap", ["X", "W", "R", "B"], [f"Y{i}", ""], lbr=0, d="reverse") for i in (1, 2)]
    return model(calls, TWO_CALLS, weights(), functions=[function])


def attribute_references_that_differ() -> onnx.ModelProto:
    """Each call gives another attribute, one leaves it to the default: three clones."""
    function = wrap([reference_to(gru(), clip="bound", direction="d")], attributes=["d"])
    function.attribute_proto.append(helper.make_attribute("bound", 0.25))
    given: list[dict[str, Any]] = [{"d": "forward"}, {"d": "reverse"}, {"d": "forward", "bound": 0.5}, {"d": "forward"}]
    calls = [call("Wrap", ["X", "W", "R", "B"], [f"Y{i}", ""], **each) for i, each in enumerate(given)]
    outputs = [tensor(f"Y{i}", [T, 1, B, H]) for i in range(len(given))]
    return model(calls, outputs, weights(), functions=[function])


def nested_functions_pass_attributes_on() -> onnx.ModelProto:
    """The outer function's parameter is the inner one's, and its two calls differ."""
    inner = wrap([reference_to(gru(), linear_before_reset="lbr")], attributes=["lbr"], name="Inner")
    passing = call("Inner", ["X", "W", "R", "B"], ["Y", "Y_h"])
    passing.attribute.add(name="lbr", ref_attr_name="flag", type=onnx.AttributeProto.INT)
    outer = wrap([passing], attributes=["flag"], name="Outer")
    calls = [call("Outer", ["X", "W", "R", "B"], [f"Y{i}", ""], flag=i - 1) for i in (1, 2)]
    return model(calls, TWO_CALLS, weights(), functions=[inner, outer])


def weights_inside_a_function() -> onnx.ModelProto:
    """Constants of a function are nodes, since it has no initializers."""
    constants = [helper.make_node("Constant", [], [w.name], value=w) for w in weights()]
    return model(
        [call("Wrap", ["X"], ["Y", ""])],
        [tensor("Y", [T, 1, B, H])],
        functions=[wrap([*constants, gru()], inputs=["X"])],
    )


def weights_shared_by_grus_and_others() -> onnx.ModelProto:
    """Two GRUs share all weights; R feeds another node as well and has to stay."""
    nodes = [
        gru(outputs=["Y1", ""]),
        gru(["X", "W", "R", "B"], ["Y2", ""], direction="reverse", name=""),
        helper.make_node("Neg", ["R"], ["minus_R"]),
    ]
    return model(nodes, [*TWO_CALLS, tensor("minus_R", [1, 3 * H, H])], weights())


def weights_as_graph_inputs() -> onnx.ModelProto:
    """All weights are fed at run time."""
    inputs = [X, tensor("W", [1, 3 * H, I]), tensor("R", [1, 3 * H, H]), tensor("B", [1, 6 * H])]
    return model([gru()], [tensor("Y", [T, 1, B, H]), tensor("Y_h", [1, B, H])], inputs=inputs)


def weights_as_constant_nodes_behind_identities() -> onnx.ModelProto:
    """Constant → Identity → Identity → GRU."""
    nodes = []
    for w in weights():
        nodes += [
            helper.make_node("Constant", [], [f"{w.name}_c"], value=w),
            helper.make_node("Identity", [f"{w.name}_c"], [f"{w.name}_i"]),
            helper.make_node("Identity", [f"{w.name}_i"], [w.name]),
        ]
    return model([*nodes, gru()], [tensor("Y", [T, 1, B, H])])


def quantized_weights() -> onnx.ModelProto:
    """W and R come out of DequantizeLinear."""
    rng = np.random.default_rng(3)
    shapes = {"W": (1, 3 * H, I), "R": (1, 3 * H, H)}
    initializers = [
        numpy_helper.from_array(np.array(0.01, np.float32), "scale"),
        numpy_helper.from_array(np.array(0, np.int8), "zero"),
        weights()[2],
    ]
    nodes = []
    for name, shape in shapes.items():
        values = rng.integers(-50, 50, shape).astype(np.int8)
        initializers.append(numpy_helper.from_array(values, f"{name}_q"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", "scale", "zero"], [name]))
    return model([*nodes, gru()], [tensor("Y", [T, 1, B, H])], initializers)


def outputs_used_twice_and_unused() -> onnx.ModelProto:
    """Y is a graph output and used twice; Y_h is named, and nobody asks for it."""
    nodes = [gru(), helper.make_node("Add", ["Y", "Y"], ["Y2"]), helper.make_node("Relu", ["Y"], ["Y3"])]
    return model(nodes, [tensor(name, [T, 1, B, H]) for name in ("Y", "Y2", "Y3")], weights())


def an_initializer_that_may_be_overridden() -> onnx.ModelProto:
    """R is an input with a default: a user may feed another one, so it is no constant."""
    return model([gru()], [tensor("Y", [T, 1, B, H])], weights(), [X, tensor("R", [1, 3 * H, H])])


PLACES: list[Callable[[], onnx.ModelProto]] = [
    in_an_if,
    in_an_if_in_a_loop,
    in_a_scan,
    in_a_function_called_twice,
    attribute_references_that_agree,
    attribute_references_that_differ,
    nested_functions_pass_attributes_on,
    weights_inside_a_function,
    weights_shared_by_grus_and_others,
    weights_as_graph_inputs,
    weights_as_constant_nodes_behind_identities,
    quantized_weights,
    outputs_used_twice_and_unused,
    an_initializer_that_may_be_overridden,
]


def feeds_for(given: onnx.ModelProto, seed: int) -> dict[str, Array]:
    """Return random inputs for a model with static shapes."""
    rng = np.random.default_rng(seed)
    result: dict[str, Array] = {}
    for value in given.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == BOOL:
            result[value.name] = np.array(bool(seed % 2))
        else:
            result[value.name] = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    return result


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_lowered_where_it_stands(place: Callable[[], onnx.ModelProto], form: str) -> None:
    """A GRU is found wherever it stands, replaced there, and the model gives what it gave."""
    original = place()
    lowered, result = lower(original, f"lower-gru{{form={form}}}")
    assert {site.action for site in result.sites} == {"lowered"}, [site.message for site in result.sites]
    assert not holds_gru(lowered)
    onnx.checker.check_model(lowered, full_check=True)
    for seed in (0, 1):
        feeds = feeds_for(original, seed)
        expected, actual = run(original, feeds), run(lowered, feeds)
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=2e-6, err_msg=name)


def test_clones_are_made_for_each_binding_and_no_more() -> None:
    """Four calls with three different bindings: two clones beside the original."""
    lowered, _ = lower(attribute_references_that_differ(), "lower-gru")
    assert sorted(function.name for function in lowered.functions) == ["Wrap", "Wrap__gru1", "Wrap__gru2"]
    assert len({node.op_type for node in lowered.graph.node}) == 3


def test_no_clones_are_left_where_nothing_is_lowered() -> None:
    """Four calls with three bindings, and a form that serves none of them: the very bytes that were read."""
    given = attribute_references_that_differ()
    lowered, result = lower(given, "lower-gru{form=step}")
    assert {site.code for site in result.sites} == {"GL303"}
    assert not result.modified
    assert lowered.SerializeToString() == given.SerializeToString()


def test_a_weight_others_use_stays_and_the_rest_goes() -> None:
    """Only what lowering made dead is removed."""
    lowered, _ = lower(weights_shared_by_grus_and_others(), "lower-gru")
    names = {tensor.name for tensor in lowered.graph.initializer}
    assert "R" in names
    assert not {"W", "B"} & names


def test_a_function_nobody_calls_is_left_alone() -> None:
    """Its attribute references cannot be told: kept, with a code, and not a byte changed."""
    given = model(
        [helper.make_node("Relu", ["X"], ["Y"])],
        [tensor("Y", [T, B, I])],
        functions=[wrap([reference_to(gru(), direction="d")], attributes=["d"])],
    )
    lowered, result = lower(given, "lower-gru")
    assert [site.code for site in result.sites] == ["GL111"]
    assert lowered.SerializeToString() == given.SerializeToString()


def test_scopes_say_where(tmp_path: Any) -> None:
    """A site's id names the scope it stands in, the way to it included."""
    del tmp_path
    _, result = lower(in_an_if_in_a_loop(), "lower-gru")
    assert result.sites[0].site == "main/loop.body/if#0.then_branch#0:out"
    _, result = lower(weights_inside_a_function(), "lower-gru")
    assert result.sites[0].site == "function my.dom::Wrap#3:Y"


def test_names_in_sibling_bodies_stay_apart() -> None:
    """The two branches' GRUs bear one name; what replaces them does not."""
    lowered, _ = lower(in_an_if(), "lower-gru{form=scan}")
    made = [node.name for scope in walk(lowered) for node in scope.nodes if node.op_type == "Scan"]
    assert len(made) == len(set(made)) == 2
    assert "Scan" in op_types(lowered)
