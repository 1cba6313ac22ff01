"""The rules of check on what is around GRUs: values nobody makes, batches, lengths, declarations, types, operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.errors import InvalidModel
from lowering import run

if TYPE_CHECKING:
    from pathlib import Path

HEAD = '<ir_version: 8, opset_import: ["": {opset}]>'
WEIGHTS = ["float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}", "float[1, 3, 1] R = {0.1, 0.2, 0.3}"]
GRU = "Y, Y_h = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"
X = "float[5, N, 2] X"
Y = "float[5, 1, N, 1] Y"


def text(nodes: str, inputs: str = X, outputs: str = Y, *more: str, opset: int = 17) -> onnx.ModelProto:
    constants = ", ".join([*WEIGHTS, *more])
    return onnx.parser.parse_model(
        f"{HEAD.format(opset=opset)} g ({inputs}) => ({outputs}) <{constants}> {{ {nodes} }}"
    )


def codes(model: onnx.ModelProto, *only: str) -> list[str]:
    found = [each.code for each in gru_lower.check(model).diagnostics]
    return [code for code in found if not only or code in only]


def fixed(model: onnx.ModelProto, code: str, *, unsafe: bool = False) -> onnx.ModelProto:
    result = gru_lower.fix(model, select=[code], unsafe=unsafe)
    assert not codes(result.model, code)
    onnx.checker.check_model(result.model, full_check=True)
    assert isinstance(result.model, onnx.ModelProto)
    return result.model


# -- values that nothing makes -------------------------------------------------------------------------------------

FIRST = "first = ReduceMax <axes = [0], keepdims = 0> (X)"
BODY = """last, Z = Scan <num_scan_inputs = 1, body = step (float[N, 2] s, float[N, 2] x)
    => (float[N, 2] t, float[N, 2] z) {{ t = Add (s, {0})  z = Exp (t) }}> (first, X)"""


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (text(f"{GRU} Z = Add (Y, gone)"), "gone"),
        (text(GRU, X, f"{Y}, float[1] gone"), "gone"),
        (
            text(f"{FIRST} {BODY.format('gone')}", X, "float[5, N, 2] Z"),
            "gone",
        ),
        (text("Y, Y_h = GRU <hidden_size = 1> (X, W, R, , , gone)"), "gone"),
    ],
)
def test_a_value_that_nothing_makes_is_named(model: onnx.ModelProto, name: str) -> None:
    (found,) = [each for each in gru_lower.check(model).diagnostics if each.code == "GL734"]
    assert f"{name!r}" in found.message
    assert [each.code for each in gru_lower.inspect(model).diagnostics if each.code in ("GL734", "GL801")] == ["GL734"]
    for call in (gru_lower.lower, gru_lower.fuse):
        with pytest.raises(InvalidModel, match=name):
            call(model)


def test_what_a_body_captures_is_made() -> None:
    model = text(f"{FIRST} {BODY.format('first')}", X, "float[5, N, 2] Z")
    assert not codes(model, "GL734")


# -- batches -------------------------------------------------------------------------------------------------------

STATEFUL = "Y, Y_h = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R, , {lens}, {state})"


@pytest.mark.parametrize(
    ("inputs", "lens", "state", "found"),
    [
        (f"{X}, float[1, 1, 1] h", "", "h", True),
        (f"{X}, float[1, N, 1] h", "", "h", False),
        (f"{X}, float[1, M, 1] h", "", "h", False),
        ("float[5, 1, 2] X, float[1, 1, 1] h", "", "h", False),
        (f"{X}, int32[1] l", "l", "", True),
        (f"{X}, int32[N] l", "l", "", False),
        (X, "", "zeros", True),
    ],
)
def test_a_fixed_batch_beside_an_open_one(inputs: str, lens: str, state: str, found: bool) -> None:  # noqa: FBT001 - a parameter
    model = text(STATEFUL.format(lens=lens, state=state), inputs, Y, "float[1, 1, 1] zeros = {0}")
    assert bool(codes(model, "GL735")) == found


@pytest.mark.parametrize(
    ("inputs", "nodes", "found"),
    [
        ("float[N, 5, 2] X", "S = Reshape (X, shape)", True),
        ("float[N, T, 2] X", "A = Tanh (X) S = Reshape (A, shape)", True),
        ("float[3, 5, 2] X", "S = Reshape (X, shape)", True),
        ("float[N, T, 2] X", "F = Reshape (X, flat) S = Unsqueeze (F, one)", True),
        ("float[1, T, 2] X", "S = Reshape (X, shape)", False),
        ("float[N, 1, 2] X", "S = Reshape (X, shape)", False),
        ("float[T, 2] X", "S = Reshape (X, shape)", False),
        ("float[1, 4, 6, 2] X", "S = Reshape (X, shape)", False),  # the places of one picture
        ("float[N, 4, 6, 2] X", "S = Reshape (X, shape)", True),
        ("float[N, T, 2] X", "S = Transpose <perm = [1, 0, 2]> (X)", False),
    ],
)
def test_batch_and_time_in_one_axis(inputs: str, nodes: str, found: bool) -> None:  # noqa: FBT001 - a parameter
    gru = "Y, Y_h = GRU <hidden_size = 1, linear_before_reset = 1> (S, W, R)"
    more = ("int64[3] shape = {-1, 1, 2}", "int64[2] flat = {-1, 2}", "int64[1] one = {1}")
    assert bool(codes(text(f"{nodes} {gru}", inputs, "float[T2, 1, B, 1] Y", *more), "GL736")) == found


# -- lengths and declarations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "nodes", "found"),
    [
        (f"{X}, int64[N] lengths", GRU, True),
        (f"{X}, int32[N, 1] seq_len", GRU, True),
        (f"{X}, int32[N] lengths", STATEFUL.format(lens="lengths", state=""), False),
        (f"{X}, int64[N] ids", f"{GRU} E = Identity (ids)", False),
        (f"{X}, float[N] scale", GRU, False),
        (f"{X}, int64[N, T] tokens", GRU, False),
    ],
)
def test_lengths_that_no_node_reads(inputs: str, nodes: str, found: bool) -> None:  # noqa: FBT001 - a parameter
    assert bool(codes(text(nodes, inputs), "GL737")) == found


STACK = """A, A_h = GRU <hidden_size = 1, linear_before_reset = 1> (P, V, R) B = Squeeze (A, one)
    Y, H{0} = GRU <hidden_size = 1, linear_before_reset = 1> (B, V, R) {1}"""


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        (STACK.format("", ""), "GL738"),
        (STACK.format("0", "H = Identity (H0)"), "GL738"),
        (STACK.format("0", "H = Concat <axis = 0> (A_h, H0)"), ""),
        (STACK.format("0", "H = Concat <axis = 0> (A_h, A_h, H0)"), "GL739"),
    ],
)
def test_final_states_of_lost_layers(nodes: str, code: str) -> None:
    more = ("float[1, 3, 1] V = {0.1, 0.2, 0.3}", "int64[1] one = {1}")
    model = text(nodes, "float[5, N, 1] P", f"{Y}, float[2, N, 1] H", *more)
    assert codes(model, "GL738", "GL739") == [code] * bool(code)


@pytest.mark.parametrize("declared", ["float[7, 1, N, 1] Y", "float[5, N, 1] Y", "float[5, 1, N, 2] Y"])
def test_declared_outputs_are_put_right(declared: str) -> None:
    model = text(GRU, X, declared)
    assert codes(model, "GL739") == ["GL739"]
    dims = fixed(model, "GL739").graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] in ([5, 1, 0, 1], [5, 1, 0, 1])


def test_open_declarations_contradict_nothing() -> None:
    assert not codes(text(GRU, X, "float[T, 1, N, 1] Y"), "GL739")


# -- types and operators -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "outputs", "nodes"),
    [
        (f"{X}, float16[1] a", "float[5, 1, N, 1] Z", f"{GRU} Z = Add (Y, a)"),
        (f"{X}, bool[1] a", "float[1] Z", f"{GRU} Z = Tanh (a)"),
        (X, "float[5, 1, N, 1] Z", f"{GRU} Z = Cast <to = 10> (Y)"),
        (X, "float16[5, 1, N, 1] Z", f"{GRU} Z = Relu (Y)"),
        (
            f"{X}, float16[N, 2] first",
            "float[5, N, 2] Z",
            BODY.format("x"),
        ),
        (f"{X}, int32[1] a", "float[1, 5, N, 1] Z", f"{GRU} Z = Concat <axis = 0> (Y, a)"),
    ],
)
def test_types_that_clash(inputs: str, outputs: str, nodes: str) -> None:
    assert codes(text(nodes, inputs, outputs), "GL740") == ["GL740"]


@pytest.mark.parametrize(
    "nodes",
    [
        "Z = Cast <to = 1> (X)",
        "S = Shape (X) Z = Cast <to = 1> (S)",
        "T = IsNaN (X) Z = Where (T, X, X)",
        "T = Greater (X, X) Z = Cast <to = 1> (T)",
        "S = Shape (X) Z = ConstantOfShape (S)",
        "S, T = TopK (X, one) Z = Relu (S)",
    ],
)
def test_types_that_differ_where_they_may(nodes: str) -> None:
    assert not codes(text(f"{nodes} {GRU}", X, f"{Y}, float[A, B, C] Z", "int64[1] one = {1}"), "GL740")


def test_operators_that_onnx_never_had() -> None:
    model = text(f"{GRU} Z = ATen (Y)", X, "float[5, 1, N, 1] Z")
    (found,) = [each for each in gru_lower.check(model).diagnostics if each.code == "GL741"]
    assert found.message.startswith("ATen: it is no operator of ONNX")
    assert found.fix is None
    newer = text(f"{GRU} Z = Gelu (Y)", X, "float[5, 1, N, 1] Z")
    (found,) = [each for each in gru_lower.check(newer).diagnostics if each.code == "GL741"]
    assert "from opset 20 on; the model imports 17" in found.message
    assert not codes(text(f"{GRU} Z = Gelu (Y)", X, "float[5, 1, N, 1] Z", opset=20), "GL741")


@pytest.mark.parametrize(
    "fill",
    [
        "h = ConstantFill <input_as_shape = 1, value = 0.25> (shape)",
        "h = ConstantFill <shape = [1, 2, 1], value = 0.25> ()",
        "h = ConstantFill <value = 0.25> (like)",
    ],
)
def test_a_constant_fill_is_its_constant(fill: str) -> None:
    more = ("int64[3] shape = {1, 2, 1}", "float[1, 2, 1] like = {0, 0}")
    nodes = f"{fill} {STATEFUL.format(lens='', state='h')}"
    model = text(nodes, "float[5, 2, 2] X", "float[5, 1, 2, 1] Y", *more, opset=9)
    assert codes(model, "GL741") == ["GL741"]
    mended = fixed(model, "GL741")
    given = text(STATEFUL.format(lens="", state="h"), "float[5, 2, 2] X", "float[5, 1, 2, 1] Y", opset=9)
    given.graph.initializer.append(numpy_helper.from_array(np.full((1, 2, 1), 0.25, np.float32), "h"))
    fed = {"X": np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)}
    np.testing.assert_array_equal(run(mended, fed)["Y"], run(given, fed)["Y"])


# -- spellings of older opsets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opset", "nodes", "shape"),
    [
        (13, "Z = Squeeze <axes = [1]> (Y)", [5, 1, 1]),
        (17, "Z = ReduceSum <axes = [0], keepdims = 0> (Y)", [1, 1, 1]),
        (18, "Z = ReduceMean <axes = [2]> (Y)", [5, 1, 1, 1]),
        (13, "Z, Q = Split <axis = 0, split = [2, 3]> (Y)", [2, 1, 1, 1]),
        (18, "P = Slice (Y, zero, four) Z, Q = Split (P)", [2, 1, 1, 1]),
        (17, "Z = Clip <min = -0.25, max = 0.25> (Y)", [5, 1, 1, 1]),
    ],
)
def test_attributes_of_older_opsets_become_inputs(opset: int, nodes: str, shape: list[int]) -> None:
    gru = "Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"
    more = ("int64[1] zero = {0}", "int64[1] four = {4}")
    dims = ", ".join(map(str, shape))
    model = text(f"{gru} {nodes}", "float[5, 1, 2] X", f"float[{dims}] Z", *more, opset=opset)
    assert codes(model, "GL743") == ["GL743"]
    mended = fixed(model, "GL743")
    onnx.checker.check_model(mended, full_check=True)
    fed = {"X": np.random.default_rng(0).normal(size=(5, 1, 2)).astype(np.float32)}
    z = run(mended, fed)["Z"]
    assert list(z.shape) == shape
    if "Clip" in nodes:
        assert np.abs(z).max() == np.float32(0.25)
    assert not codes(mended, "GL743")


def test_attributes_of_older_opsets_in_a_function() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "f": 1]> g (float[5, 1, 2] X) => (float[5, 1, 1] Z) { Z = f.cell (X) }
        <domain: "f", opset_import: ["": 17]> cell (X) => (Z) {
          W = Constant <value = float[1, 3, 2] {1, 2, 3, 4, 5, 6}> ()
          R = Constant <value = float[1, 3, 1] {1, 2, 3}> ()
          Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)
          Z = Squeeze <axes = [1]> (Y) }"""
    )
    z = run(fixed(model, "GL743"), {"X": np.ones((5, 1, 2), np.float32)})["Z"]
    assert z.shape == (5, 1, 1)


@pytest.mark.parametrize(
    ("opset", "nodes"),
    [
        (11, "Z = Squeeze <axes = [1]> (Y)"),
        (13, "Z, Q = Split <axis = 2> (Y)"),
        (18, "Z, Q = Split <axis = 2, num_outputs = 2> (Y)"),
        (13, "Z = ReduceMean <axes = [2]> (Y)"),
    ],
)
def test_attributes_that_the_opset_has(opset: int, nodes: str) -> None:
    gru = "Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"
    assert not codes(text(f"{gru} {nodes}", "float[5, 1, 2] X", "float[A] Z", opset=opset), "GL743")


# -- states that are outputs and read ------------------------------------------------------------------------------

IF = """c = Greater (top, bottom) Z = If <then_branch = a () => (float[1, N, 1] v) { v = Tanh (Y_h) },
    else_branch = b () => (float[1, N, 1] w) { w = Exp (Y_h) }> (c)"""


@pytest.mark.parametrize("nodes", ["Z = Tanh (Y_h)", IF, "Z = Add (Y_h, Y_h)"])
def test_a_state_that_is_read_has_a_name_inside(nodes: str) -> None:
    more = ("float top = {2}", "float bottom = {1}")
    model = text(f"{GRU} {nodes}", "float[5, 3, 2] X", "float[1, N, 1] Y_h, float[1, N, 1] Z", *more)
    assert codes(model, "GL742") == ["GL742"]
    mended = fixed(model, "GL742")
    assert [value.name for value in mended.graph.output] == ["Y_h", "Z"]
    assert not any("Y_h" in node.input for node in mended.graph.node)
    fed = {"X": np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)}
    before, after = run(model, fed), run(mended, fed)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_states_that_only_go_out_or_in_are_right() -> None:
    assert not codes(text(GRU, X, "float[1, N, 1] Y_h"), "GL742")
    assert not codes(text(f"{GRU} Z = Tanh (Y_h)", X, "float[1, N, 1] Z"), "GL742")
    outputs = "float[A, B, N, 1] Z, float[A, B, N, 1] Q"
    assert not codes(text(f"{GRU} Z = Tanh (Y) Q = Exp (Z)", X, outputs), "GL742")


# -- baked lengths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "other", "lengths"),
    [
        ("int64[3] s = {5, -1, 1}", [7, 3, 1], (7, 3)),
        ("int64[4] s = {5, 1, 3, 1}", [9, 1, 3, 1], (9, 3)),
        ("int64[2] s = {15, 1}", [21, 1], (7, 3)),
    ],
)
def test_a_baked_length_is_left_open(shape: str, other: list[int], lengths: tuple[int, int]) -> None:
    batch = "N" if "-1" in shape else "3"
    dims = ", ".join("ABCD"[: len(other)])
    model = text(f"{GRU} Z = Reshape (Y, s)", f"float[T, {batch}, 2] X", f"float[{dims}] Z", shape)
    found = [each for each in gru_lower.check(model).diagnostics if each.code == "GL712"]
    assert [each.fix and each.fix.safe for each in found] == [False]
    mended = fixed(model, "GL712", unsafe=True)
    x = np.random.default_rng(0).normal(size=(*lengths, 2)).astype(np.float32)
    assert list(run(mended, {"X": x})["Z"].shape) == other
    traced = np.random.default_rng(1).normal(size=(5, 3, 2)).astype(np.float32)
    np.testing.assert_array_equal(run(mended, {"X": traced})["Z"], run(model, {"X": traced})["Z"])


# -- states and weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["Slice", "Concat", "Split", "Transpose"])
def test_weights_as_inputs_are_seen_behind_views(where: str) -> None:
    shapes = {"Slice": [2, 3, 2], "Concat": [1, 3, 1], "Split": [2, 3, 2], "Transpose": [1, 2, 3]}
    make: dict[str, Any] = {
        "Slice": [helper.make_node("Slice", ["given", "zero", "one", "zero"], ["V"])],
        "Concat": [helper.make_node("Concat", ["given", "part"], ["V"], axis=2)],
        "Split": [helper.make_node("Split", ["given"], ["V", "rest"], axis=0)],
        "Transpose": [helper.make_node("Transpose", ["given"], ["V"], perm=[0, 2, 1])],
    }
    listed = ", ".join(map(str, shapes[where]))
    more = ("int64[1] zero = {0}", "int64[1] one = {1}", "float[1, 3, 1] part = {1, 2, 3}")
    model = text(GRU.replace("W", "V"), f"{X}, float[{listed}] given", Y, *more)
    for place, node in enumerate(make[where]):
        model.graph.node.insert(place, node)
    onnx.checker.check_model(model, full_check=True)
    (found,) = [each for each in gru_lower.check(model).diagnostics if each.code == "GL714"]
    assert found.message == "given is an input of the model"


def test_check_ends_with_1_for_what_it_finds(tmp_path: Path) -> None:
    onnx.save(text(f"{GRU} Z = Add (Y, gone)"), tmp_path / "m.onnx")
    assert command(["check", str(tmp_path / "m.onnx")]) == 1
    assert command(["lower", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "o.onnx")]) == 2
    assert not (tmp_path / "o.onnx").exists()
