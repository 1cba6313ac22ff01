"""--fix-dim and fold-shapes: what follows from static shapes becomes constant, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph import fixed_dims
from gru_lower.graph.model import Model
from lowering import lower, op_types, run

ROOT = Path(__file__).resolve().parents[1]
SHAPE_OPS = {"Shape", "ConstantOfShape", "Loop", "Scan", "GRU"}


def model(text: str) -> onnx.ModelProto:
    """Parse a model of opset 17."""
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')


def folded(text: str) -> onnx.ModelProto:
    """Fold a model and check that it computes what it computed."""
    before = model(text)
    after, _ = lower(before, "fold-shapes")
    onnx.checker.check_model(after, full_check=True)
    rng = np.random.default_rng(0)
    feeds = {
        value.name: rng.standard_normal([d.dim_value or 3 for d in value.type.tensor_type.shape.dim]).astype(np.float32)
        for value in before.graph.input
    }
    expected, actual = run(before, feeds), run(after, feeds)
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value)
    return after


class TestFoldShapes:
    def test_a_chain_of_sizes_becomes_a_constant(self) -> None:
        after = folded("""g (float[7,2,3] X) => (float[2,6] Y) {
            s = Shape (X)  zero = Constant <value_int: int = 1> ()  b = Gather (s, zero)
            ax = Constant <value_ints: ints = [0]> ()  bv = Unsqueeze (b, ax)
            six = Constant <value_ints: ints = [6]> ()  dims = Concat <axis = 0> (bv, six)
            Z = ConstantOfShape (dims)  one = Constant <value_float: float = 1.0> ()  Y = Add (Z, one) }""")
        assert op_types(after) == {"Add", "Constant"}

    def test_a_static_dim_beside_a_dynamic_one_is_enough(self) -> None:
        after = folded("""g (float[7,N,3] X) => (float[7,N,3] Y) {
            s = Shape (X)  i = Constant <value_ints: ints = [0, 2]> ()  d = Gather (s, i)
            f = Cast <to = 1> (d)  p = ReduceSum <keepdims = 0> (f)  Y = Mul (X, p) }""")
        assert op_types(after) == {"Mul"}

    def test_a_dynamic_size_stays(self) -> None:
        after = folded("""g (float[N,3] X) => (float[N,3] Y) {
            s = Shape (X)  Z = ConstantOfShape (s)  Y = Add (X, Z) }""")
        assert op_types(after) == {"Shape", "ConstantOfShape", "Add"}

    def test_one_constant_makes_the_next_shape_static(self) -> None:
        after = folded("""g (float[4,6] X) => (float[12] Y) {
            s = Shape (X)  i = Constant <value_int: int = 0> ()  d = Gather (s, i)
            ax = Constant <value_ints: ints = [0]> ()  dv = Unsqueeze (d, ax)  m = Constant <value_ints: ints = [-1]> ()
            to = Concat <axis = 0> (dv, m)  R = Reshape (X, to)  s2 = Shape (R)  f = Cast <to = 1> (s2)
            e = Constant <value_ints: ints = [6]> ()  Y = Tile (f, e) }""")
        assert "Shape" not in op_types(after)

    def test_outputs_and_weights_are_left_alone(self) -> None:
        before = model("""g (float[2,3] X) => (int64[2] S, float[2,2] Y)
            <float[3,2] W = {1,2,3,4,5,6}> { S = Shape (X)  W2 = Identity (W)  Y = MatMul (X, W2) }""")
        after, result = lower(before, "fold-shapes")
        assert not result.modified
        assert after.SerializeToString() == before.SerializeToString()

    def test_bodies_are_folded_as_well(self) -> None:
        after = folded("""g (float[2,3] X) => (float[2,3] Y) {
            c = Constant <value = bool {1}> ()
            Y = If (c) <then_branch = t () => (float[2,3] a) { s = Shape (X)  z = ConstantOfShape (s)  a = Add (X, z) },
                        else_branch = e () => (float[2,3] b) { b = Neg (X) }> }""")
        assert not {"Shape", "ConstantOfShape"} & op_types(after)

    def test_what_would_be_huge_is_not_written_out(self) -> None:
        before = model("""g (float[2000,2000] X) => (float[2000,2000] Y) {
            s = Shape (X)  z = ConstantOfShape (s)  Y = Add (X, z) }""")
        after, _ = lower(before, "fold-shapes")
        assert len(after.SerializeToString()) < 1000

    def test_several_outputs_of_one_node(self) -> None:
        after = folded("""g (float[4,6] X) => (float[4,6] Y) {
            s = Shape (X)  f = Cast <to = 1> (s)  a, b = Split (f)  c = Add (X, a)  Y = Mul (c, b) }""")
        assert op_types(after) == {"Add", "Mul"}


def with_symbols() -> Model:
    """Return a model with two symbols, one of them twice, and an unnamed dim."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["X", "Z"], ["Y"])],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "time", None]) for name in ("X", "Z")],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", "time", None])],
    )
    return Model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


class TestFixDim:
    def test_a_symbol_is_fixed_wherever_it_stands(self) -> None:
        held = with_symbols()
        fixed_dims.fix(held, {"batch": 2})
        shapes = [
            [d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in (*held.proto.graph.input, *held.proto.graph.output)
        ]
        assert shapes == [[2, 0, 0]] * 3
        assert fixed_dims.open_dims(held) == ["time", "X:2", "Z:2"]

    def test_an_axis_that_has_a_symbol_fixes_the_symbol(self) -> None:
        held = with_symbols()
        fixed_dims.fix(held, {"X:1": 5, "X:2": 3})
        assert fixed_dims.open_dims(held) == ["batch", "Z:2"]

    @pytest.mark.parametrize(
        ("key", "length", "words", "hint"),
        [
            ("batsch", 1, "no input has a dim called 'batsch'", "batch=1"),
            ("q", 1, "no input has a dim called 'q'", "batch, time"),
            ("Q:0", 1, "no input 'Q'", "X, Z"),
            ("X:7", 1, "has 3 axes", "from 0"),
            ("batch", -1, "negative", ""),
        ],
    )
    def test_what_does_not_fit_is_refused(self, key: str, length: int, words: str, hint: str) -> None:
        with pytest.raises(gru_lower.Unsupported) as caught:
            fixed_dims.fix(with_symbols(), {key: length})
        assert words in caught.value.message
        assert hint in (caught.value.hint or "")

    def test_an_axis_with_another_length_is_refused(self) -> None:
        held = with_symbols()
        fixed_dims.fix(held, {"X:2": 3})
        with pytest.raises(gru_lower.Unsupported, match="has length 3 already"):
            fixed_dims.fix(held, {"X:2": 4})

    def test_the_trained_fixture_becomes_static_and_types_are_written(self) -> None:
        result = gru_lower.lower(ROOT / "fixtures" / "digits_gru.onnx", form="unroll", fix_dims={"batch": 1})
        assert result.report.verification.status == "equivalent"
        assert not SHAPE_OPS & op_types(result.model)
        made = {name for node in result.model.graph.node for name in node.output}
        typed = {value.name for value in (*result.model.graph.value_info, *result.model.graph.output)}
        assert made <= typed

    def test_a_state_that_is_not_zero_stays(self) -> None:
        """Folded to a constant, but used: only a state of zeros is no state."""
        h = 2
        ones = numpy_helper.from_array(np.full((1, 3 * h, 2), 0.5, np.float32), "W")
        recurrent = numpy_helper.from_array(np.full((1, 3 * h, h), 0.5, np.float32), "R")
        fill = numpy_helper.from_array(np.array([0.25], np.float32))
        nodes = [
            helper.make_node("Shape", ["X"], ["s"], start=1, end=2),
            helper.make_node("Concat", ["one", "s", "h"], ["dims"], axis=0),
            helper.make_node("ConstantOfShape", ["dims"], ["h0"], value=fill),
            helper.make_node("GRU", ["X", "W", "R", "", "", "h0"], ["Y"], hidden_size=h),
        ]
        sizes = [numpy_helper.from_array(np.array([v]), n) for v, n in ((1, "one"), (h, "h"))]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, [3, "N", 2])],
            [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [3, 1, "N", h])],
            [ones, recurrent, *sizes],
        )
        given = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        for fixed in ({}, {"N": 2}):
            result = gru_lower.lower(given, form="unroll", fix_dims=fixed)
            assert result.report.verification.status == "equivalent", result.report.verification.message
