"""fold-shapes and --fix-dim: an If whose condition is known is replaced by the branch it takes, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from lowering import lower, op_types, run

if TYPE_CHECKING:
    from typing import Any

HEAD = '<ir_version: 8, opset_import: ["": 17, "my": 1]> '
SQUEEZE = """
    s = Shape (X)  first = Constant <value_int = 0> ()  T = Gather (s, first)  one = Constant <value_int = 1> ()
    is1 = Equal (T, one)  axes = Constant <value_ints = [0]> ()
    Q = If (is1) <then_branch = t () => (float a) { a = Squeeze (X, axes) },
                  else_branch = e () => (float b) { b = Identity (X) }>"""
"""torch's .squeeze(0) of X with a dim that was dynamic at the export."""


def resolved(text: str, seed: int = 0) -> onnx.ModelProto:
    """Fold a model whose inputs are static; check that no If is left and that it computes what it computed."""
    before = onnx.parser.parse_model(HEAD + text)
    after, result = lower(before, "fold-shapes")
    assert result.modified
    onnx.checker.check_model(after, full_check=True)
    assert "If" not in op_types(after)
    rng = np.random.default_rng(seed)
    feeds = {
        value.name: rng.standard_normal([d.dim_value for d in value.type.tensor_type.shape.dim]).astype(np.float32)
        for value in before.graph.input
    }
    expected, actual = run(before, feeds), run(after, feeds)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value)
    return after


@pytest.mark.parametrize(("length", "shape"), [(1, [2, 3]), (6, [6, 2, 3])])
def test_the_branch_that_is_taken_stays_and_the_rest_goes(length: int, shape: list[int]) -> None:
    """The dead branch's Squeeze of a dim of 6 is what no runtime loads."""
    before = onnx.parser.parse_model(HEAD + f"g (float[{length},2,3] X) => (float Y) {{ {SQUEEZE} Y = Neg (Q) }}")
    before.graph.output[0].type.tensor_type.ClearField("shape")
    after, _ = lower(before, "fold-shapes")
    assert op_types(after) - {"Identity", "Squeeze"} == {"Neg"} | ({"Constant"} if length == 1 else set())
    x = np.random.default_rng(0).standard_normal((length, 2, 3)).astype(np.float32)
    assert run(after, {"X": x})["Y"].shape == tuple(shape)


def test_a_condition_that_is_not_known_keeps_its_if() -> None:
    before = onnx.parser.parse_model(HEAD + f"g (float[T,2,3] X) => (float[A,B,C] Y) {{ {SQUEEZE} Y = Neg (Q) }}")
    after, result = lower(before, "fold-shapes")
    assert not result.modified
    assert after.SerializeToString() == before.SerializeToString()


def test_a_default_that_may_be_overridden_decides_nothing() -> None:
    before = onnx.parser.parse_model(
        HEAD
        + """g (float[2] X, bool c = {1}) => (float[2] Y) {
        Y = If (c) <then_branch = t () => (float[2] a) { a = Neg (X) },
                    else_branch = e () => (float[2] b) { b = Abs (X) }> }"""
    )
    after, result = lower(before, "fold-shapes")
    assert not result.modified
    assert op_types(after) == op_types(before)


def test_where_no_folding_is_asked_for_an_if_stays() -> None:
    before = onnx.parser.parse_model(
        HEAD
        + """g (float[5,2,3] X, float[1,3,3] W, float[1,3,1] R) => (float[5,1,2,1] Z) {
        c = Constant <value = bool {1}> ()  Y = GRU <hidden_size = 1> (X, W, R)
        Z = If (c) <then_branch = t () => (float[5,1,2,1] a) { a = Neg (Y) },
                    else_branch = e () => (float[5,1,2,1] b) { b = Abs (Y) }> }"""
    )
    assert "If" in op_types(gru_lower.lower(before, verify=False).model)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            """g (float[6,2] X) => (float[6,2] Y) { s = Shape (X)  i = Constant <value_int = 0> ()  T = Gather (s, i)
            five = Constant <value_int = 5> ()  c = Less (five, T)  n = Not (c)  o = Or (n, c)
            Y = If (o) <then_branch = t () => (float[6,2] a) { k = Add (X, X)  a = Mul (k, X) },
                        else_branch = e () => (float[6,2] b) { k = Sub (X, X)  b = Neg (k) }> }""",
            id="arithmetic on the condition",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[6,2] Y) { c = Constant <value = bool {0}> ()  n = Not (c)  w = Identity (n)
            Y = If (w) <then_branch = t () => (float[6,2] a) { a = Neg (X) },
                        else_branch = e () => (float[6,2] b) { b = Abs (X) }> }""",
            id="constants alone",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[6,2] Y) { c = Constant <value = bool {1}> ()  k = Neg (X)
            P = If (c) <then_branch = t () => (float[6,2] a) { u = Abs (X)  a = Exp (u) },
                        else_branch = e () => (float[6,2] b) { b = Abs (X) }>
            Q = If (c) <then_branch = t () => (float[6,2] a) { u = Neg (X)  a = Exp (u) },
                        else_branch = e () => (float[6,2] b) { b = Abs (X) }>
            v = Add (P, Q)  Y = Add (v, k) }""",
            id="two branches with the same names",
        ),
        pytest.param(
            """g (float[6,2] X, bool d) => (float[6,2] Y) { c = Constant <value = bool {1}> ()
            P = If (c) <then_branch = t () => (float[6,2] a) { u = Abs (X)  a = Exp (u) },
                        else_branch = e () => (float[6,2] b) { b = Abs (X) }>
            Y = If (c) <then_branch = t () => (float[6,2] a2) {
                    Q = If (c) <then_branch = t () => (float[6,2] a) { u = Add (X, P)  a = Neg (u) },
                                else_branch = e () => (float[6,2] b) { b = Abs (X) }>
                    u = Mul (Q, P)  a2 = Mul (u, u) },
                else_branch = e () => (float[6,2] b) { b = Abs (X) }> }""".replace(", bool d", ""),
            id="one inside another",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[6,2] Y, float[6,2] Z, float[6,2] V) { c = Constant <value = bool {1}> ()
            Y, Z, V, unused = If (c)
               <then_branch = t () => (float[6,2] a, float[6,2] a1, float[6,2] Y1, float[6,2] d)
                    { a = Neg (X)  a1 = Identity (a)  Y1 = Abs (a)  d = Exp (X) },
                else_branch = e () => (float[6,2] b, float[6,2] b1, float[6,2] b2, float[6,2] b3)
                    { b = Abs (X)  b1 = Abs (X)  b2 = Abs (X)  b3 = Abs (X) }> }""",
            id="several outputs",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[2] Y, float[6,2] Z) { c = Constant <value = bool {0}> ()
            n = Constant <value_int = 3> ()  zero = Constant <value_float = 0.0> ()
            shape = Constant <value_ints = [2]> ()  start = Expand (zero, shape)  go = Constant <value = bool {1}> ()
            Y, Z0 = Loop (n, go, start) <body = l (int64 i, bool g, float[2] h) => (bool g1, float[2] h1, float[2] s) {
                x = Gather (X, i)
                y = If (c) <then_branch = t () => (float[2] a) { a = Neg (x) },
                            else_branch = e () => (float[2] b) { k = Add (x, h)  b = Tanh (k) }>
                h1 = Identity (y)  s = Identity (y)  g1 = Identity (g) }>
            Z = Identity (X) }""",
            id="inside a Loop, with a condition from outside",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[2] Y) { c = Constant <value = bool {1}> ()
            Y = If (c) <then_branch = t () => (float[2] a) {
                    n = Constant <value_int = 3> ()  zero = Constant <value_floats = [0.0, 0.0]> ()
                    go = Constant <value = bool {1}> ()  scale = Neg (zero)  off = Exp (scale)
                    a = Loop (n, go, zero) <body = l (int64 i, bool g, float[2] h) => (bool g1, float[2] h1) {
                        x = Gather (X, i)  k = Add (x, off)  h1 = Add (k, h)  g1 = Identity (g) }> },
                else_branch = e () => (float[2] b) {
                    zero = Constant <value_floats = [0.0, 0.0]> ()  b = Neg (zero) }> }""",
            id="a Loop inside the branch",
        ),
        pytest.param(
            """g (float[6,2] X) => (float[6,2] Y) { k = Neg (X)  P = my.pick (k)  Q = my.pick (X)  Y = Add (P, Q) }
            <opset_import: ["": 17], domain: "my">
            pick (x) => (y) { s = Shape (x)  i = Constant <value_int = 0> ()  T = Gather (s, i)
              one = Constant <value_int = 1> ()  is1 = Equal (T, one)
              y = If (is1) <then_branch = t () => (float[6,2] a) { a = Neg (x) },
                            else_branch = e () => (float[6,2] b) { u = Neg (x)  b = Abs (u) }> }""",
            id="in a function",
        ),
    ],
)
def test_a_branch_computes_the_same_in_the_place_of_its_if(text: str) -> None:
    resolved(text)


def test_functions_that_are_called_with_other_shapes_keep_their_if() -> None:
    before = onnx.parser.parse_model(
        HEAD
        + """g (float[6,2] X, float[1,2] Z) => (float[A,B] Y, float[C] V) { Y = my.pick (X)  V = my.pick (Z) }
            <opset_import: ["": 17], domain: "my">
            pick (x) => (y) { s = Shape (x)  i = Constant <value_int = 0> ()  T = Gather (s, i)
              one = Constant <value_int = 1> ()  is1 = Equal (T, one)  axes = Constant <value_ints = [0]> ()
              y = If (is1) <then_branch = t () => (float a) { a = Squeeze (x, axes) },
                            else_branch = e () => (float b) { b = Abs (x) }> }"""
    )
    after, _ = lower(before, "fold-shapes")
    assert "If" in op_types(after)


def test_initializers_types_and_annotations_move_with_the_branch() -> None:
    def branch(name: str, factor: float) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [2])
        graph = helper.make_graph(
            [helper.make_node("Mul", ["X", "k"], ["p"]), helper.make_node("Neg", ["p"], [f"{name}_out"])],
            name,
            [],
            [out],
            [numpy_helper.from_array(np.full(2, factor, np.float32), "k")],
            value_info=[helper.make_tensor_value_info("p", TensorProto.FLOAT, [2])],
        )
        note = graph.quantization_annotation.add(tensor_name="p")
        note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="k")
        return graph

    def model(ir_version: int) -> onnx.ModelProto:
        graph = helper.make_graph(
            [
                helper.make_node(
                    "If", ["c"], ["Y"], then_branch=branch("t", 2), else_branch=branch("e", 3), doc_string="which"
                )
            ],
            "g",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, [2])],
            [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [2])],
            [numpy_helper.from_array(np.zeros((), bool), "c")],
        )
        if ir_version < 4:
            graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=ir_version)

    after, _ = lower(model(8), "fold-shapes")
    factor, types, notes = after.graph.initializer, after.graph.value_info, after.graph.quantization_annotation
    assert [numpy_helper.to_array(tensor).tolist() for tensor in factor] == [[3, 3]]
    assert [value.name for value in types] == [after.graph.node[0].output[0]]
    assert [note.tensor_name for note in notes] == [after.graph.node[0].output[0]]
    assert [entry.value for note in notes for entry in note.quant_parameter_tensor_names] == [factor[0].name]
    for ir_version in (3, 8):
        after, _ = lower(model(ir_version), "fold-shapes")
        onnx.checker.check_model(after, full_check=True)
        x = np.array([1, -2], np.float32)
        np.testing.assert_array_equal(run(after, {"X": x})["Y"], -3 * x)
        assert "c" not in {value.name for value in (*after.graph.input, *after.graph.initializer)}


def weights(inputs: int, hidden: int) -> list[onnx.TensorProto]:
    rng = np.random.default_rng(1)
    shapes = {"W": (1, 3 * hidden, inputs), "R": (1, 3 * hidden, hidden), "B": (1, 6 * hidden)}
    return [numpy_helper.from_array(rng.uniform(-0.5, 0.5, s).astype(np.float32), n) for n, s in shapes.items()]


def if_with_grus(form: str) -> onnx.ModelProto:
    """Return a model with a GRU in each branch, and one behind; form says what the condition looks at."""

    def branch(name: str, direction: str) -> onnx.GraphProto:
        nodes = [
            helper.make_node("GRU", ["X", "W", "R", "B"], ["Yg"], hidden_size=4, direction=direction, name="g"),
            helper.make_node("Squeeze", ["Yg", "one"], [name]),
        ]
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])

    nodes = [
        helper.make_node("Shape", ["X"], ["s"]),
        helper.make_node("Gather", ["s", "axis"], ["n"], axis=0),
        helper.make_node("Greater", ["n", "limit"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("t", "forward"), else_branch=branch("e", "reverse")),
        helper.make_node("GRU", ["y", "W2", "R2", "B2"], ["Y"], hidden_size=4),
    ]
    second = weights(4, 4)
    for tensor in second:
        tensor.name += "2"
    constants = {"one": np.array([1]), "axis": np.array(0 if form == "T" else 1), "limit": np.array(3)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "N", 3])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        [*weights(3, 4), *second, *(numpy_helper.from_array(value, name) for name, value in constants.items())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("fixed", [{"T": 6, "N": 2}, {"T": 2, "N": 2}, {"T": 6, "N": 5}])
@pytest.mark.parametrize("axis", ["T", "N"])
@pytest.mark.parametrize("options", [{"form": "scan"}, {"form": "unroll"}, {"form": "scan", "opset": 18}])
def test_grus_in_branches_are_lowered_and_verified(fixed: dict[str, int], axis: str, options: dict[str, Any]) -> None:
    before = if_with_grus(axis)
    result = gru_lower.lower(before, fix_dims=fixed, **options)
    assert not {"If", "GRU"} & op_types(result.model)
    verdict = result.report.verification
    assert (verdict.status, verdict.scope) == ("equivalent", "model"), verdict.message
    assert [site.action for site in result.report.sites] == ["lowered"] * 2
    x = np.random.default_rng(0).standard_normal((fixed["T"], fixed["N"], 3)).astype(np.float32)
    np.testing.assert_allclose(run(result.model, {"X": x})["Y"], run(before, {"X": x})["Y"], atol=1e-5)
