"""What targets want of single models: how a GRU has to be spelled there, and what may not stand beside it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from gru_lower.gru.parse_node import parse
from gru_lower.probing.form_models import plain_options
from gru_lower.probing.gru_models import gru_model
from gru_lower.probing.timing.timed_sizes import timed_model
from gru_lower.targets import read_profile
from gru_lower.targets.costs import Size
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.judge_gru import judge
from gru_lower.targets.option_axes import COARSER
from gru_lower.targets.profile import FOLDER
from strategies import WEIGHTS, random_case

T, N, I, H = 4, 2, 3, 5


def weights(directions: int = 1) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    shapes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    return {name: rng.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}


def model(
    inputs: list[str],
    outputs: list[str],
    consts: dict[str, np.ndarray[Any, Any]],
    more: tuple[onnx.NodeProto, ...] = (),
    shown: dict[str, list[int]] | None = None,
    *,
    opset: int = 13,
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a model of one GRU whose X is [T, N, I], with what follows it."""
    d = 2 if attributes.get("direction") == "bidirectional" else 1
    shown = shown or {"Y": [T, d, N, H]}
    given = {"hidden_size": H, "linear_before_reset": 1} | attributes
    graph = helper.make_graph(
        [helper.make_node("GRU", inputs, outputs, name="gru", **given), *more],
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, N, I])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shown.items()],
        [numpy_helper.from_array(array, name) for name, array in consts.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def rewritten(command: str, proto: onnx.ModelProto, target: str, **more: str) -> onnx.ModelProto:
    result = getattr(gru_lower, command)(proto, target=target, **more)
    if result.model.SerializeToString() != proto.SerializeToString():
        assert result.report.verification.status == "equivalent"
    made: onnx.ModelProto = result.model
    return made


def options(proto: onnx.ModelProto) -> frozenset[str]:
    facts = Facts(Model(proto))
    scope = next(walk(proto))
    spec = parse(scope, 0, facts).spec
    assert spec is not None
    return options_at(scope, 0, spec, facts)


ZEROS = np.zeros((1, N, H), np.float32)
STATE = np.full((1, N, H), 0.25, np.float32)
JOINED = (
    helper.make_node("Transpose", ["Y"], ["turned"], perm=[0, 2, 1, 3]),
    helper.make_node("Reshape", ["turned", "rows"], ["out"]),
)
ROWS = {"rows": np.array([0, 0, -1])}


class TestOpenCV4:
    """Its importer asserts six inputs, and computes a bidirectional GRU's Y as [T, 1, N, 2H]."""

    @pytest.mark.parametrize("state", [ZEROS, STATE], ids=["zeros", "values"])
    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_six_inputs_stay(self, command: str, state: np.ndarray[Any, Any]) -> None:
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y"], weights() | {"h0": state})
        assert rewritten(command, proto, "opencv4").SerializeToString() == proto.SerializeToString()
        assert not gru_lower.check(proto, target="opencv4", select=["GL72", "GL45"]).diagnostics

    @pytest.mark.parametrize("inputs", [["X", "W", "R", "B"], ["X", "W", "R"], ["X", "W", "R", "B", "lens"]])
    def test_others_get_a_state_of_zeros(self, inputs: list[str]) -> None:
        given = {name: array for name, array in weights().items() if name in inputs}
        given |= {"lens": np.full(N, T, np.int32)} if "lens" in inputs else {}
        made = rewritten("legalize", model(inputs, ["Y"], given), "opencv4")
        (node,) = (node for node in made.graph.node if node.op_type == "GRU")
        assert len(node.input) == 6
        assert node.input[3]
        assert not node.input[4]
        state = next(tensor for tensor in made.graph.initializer if tensor.name == node.input[5])
        assert not numpy_helper.to_array(state).any()

    def test_the_last_state_is_taken_from_y(self) -> None:
        made = rewritten(
            "legalize", model(["X", "W", "R", "B"], ["", "Y_h"], weights(), shown={"Y_h": [1, N, H]}), "opencv4"
        )
        (node,) = (node for node in made.graph.node if node.op_type == "GRU")
        assert list(filter(None, node.output)) == [node.output[0]]

    def test_a_computed_state_is_no_gru_s(self) -> None:
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y"], weights() | {"h0": STATE})
        del proto.graph.initializer[-1]
        proto.graph.input.append(helper.make_tensor_value_info("h0", TensorProto.FLOAT, [1, N, H]))
        made = rewritten("legalize", proto, "opencv4")
        assert "GRU" not in {node.op_type for node in made.graph.node}

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_both_directions_that_are_joined_stay(self, command: str) -> None:
        given = weights(2) | ROWS | {"h0": np.zeros((2, N, H), np.float32)}
        names, shown = ["X", "W", "R", "B", "", "h0"], {"out": [T, N, 2 * H]}
        proto = model(names, ["Y"], given, JOINED, shown, direction="bidirectional")
        assert rewritten(command, proto, "opencv4").SerializeToString() == proto.SerializeToString()

    def test_both_directions_read_otherwise_do_not(self) -> None:
        given = weights(2) | ROWS | {"h0": np.zeros((2, N, H), np.float32)}
        names, shown = ["X", "W", "R", "B", "", "h0"], {"out": [T, N, 2 * H], "Y": [T, 2, N, H]}
        made = rewritten("legalize", model(names, ["Y"], given, JOINED, shown, direction="bidirectional"), "opencv4")
        assert all(a.s != b"bidirectional" for node in made.graph.node for a in node.attribute)

    @pytest.mark.parametrize("opset", [7, 13, 17])
    @pytest.mark.parametrize("target", ["opencv4", "portable"])
    def test_a_bias_serves_nothing_else(self, target: str, opset: int) -> None:
        """A Mul of a constant that is the bias of a product, too, is not loaded there."""
        if target == "portable" and opset < 13:
            return
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y"], weights() | {"h0": ZEROS}, opset=opset, clip=2.0)
        made = rewritten("lower", proto, target)
        products = {node.output[0] for node in made.graph.node if node.op_type == "MatMul"}
        biases = {
            name
            for node in made.graph.node
            if node.op_type == "Add" and products.intersection(node.input)
            for name in set(node.input) - products
        }
        biases |= {name for node in made.graph.node if node.op_type == "Gemm" for name in node.input[2:]}
        constants = {tensor.name for tensor in made.graph.initializer}
        constants |= {node.output[0] for node in made.graph.node if node.op_type == "Constant"}
        others = {name for node in made.graph.node if node.op_type in ("Mul", "Sub", "Max") for name in node.input}
        assert biases & constants
        assert not biases & constants & others

    @pytest.mark.parametrize("lbr", [0, 1])
    @pytest.mark.parametrize("layout", [0, 1])
    def test_nothing_is_computed_of_constants(self, lbr: int, layout: int) -> None:
        """It takes no MatMul, Squeeze or Transpose of constants alone."""
        made = rewritten("lower", batch_major(lbr) if layout else stated(lbr), "opencv4")
        constants = {tensor.name for tensor in made.graph.initializer}
        for node in made.graph.node:
            if node.op_type in ("MatMul", "Squeeze", "Transpose"):
                assert not constants.issuperset(node.input), node.name


def stated(lbr: int) -> onnx.ModelProto:
    shown = {"Y": [T, 1, N, H], "Y_h": [1, N, H]}
    inputs, outputs = ["X", "W", "R", "B", "", "h0"], ["Y", "Y_h"]
    return model(inputs, outputs, weights() | {"h0": STATE}, shown=shown, opset=17, linear_before_reset=lbr)


def batch_major(lbr: int) -> onnx.ModelProto:
    made = stated(lbr)
    made.graph.node[0].attribute.append(helper.make_attribute("layout", 1))
    made.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.full((N, 1, H), 0.25, np.float32), "h0"))
    shapes = [[N, T, I], [N, T, 1, H], [N, 1, H]]
    for value, shape in zip([*made.graph.input, *made.graph.output], shapes, strict=True):
        value.type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, shape))
    return made


class TestNcnn:
    """pnnx takes no Gather of the first axis, and no Gemm whose C is computed."""

    @pytest.mark.parametrize("opset", [9, 13, 17])
    @pytest.mark.parametrize("index", [-1, 2, [0], [-2]])
    def test_an_entry_taken_out_is_a_slice(self, index: int | list[int], opset: int) -> None:
        taken = helper.make_node("Gather", ["Y", "index"], ["out"], axis=0)
        shape = [N, H] if np.ndim(index) == 0 else [1, N, H]
        shape = [*shape[:-2], 1, *shape[-2:]]
        given = weights() | {"index": np.array(index)}
        proto = model(["X", "W", "R", "B"], ["Y"], given, (taken,), {"out": shape}, opset=opset)
        assert "Gather" not in {node.op_type for node in rewritten("lower", proto, "ncnn").graph.node}

    @pytest.mark.parametrize("target", ["ncnn", "portable"])
    def test_a_slice_to_the_end_fits_int32(self, target: str) -> None:
        """The end 2⁶³ - 1 is -1 to what reads int32, such as jaxonnxruntime: the last entry would be left out."""
        more = (
            helper.make_node("Relu", ["X"], ["features"]),
            helper.make_node("Gather", ["features", "last"], ["one"], axis=2),
            helper.make_node("Concat", ["features", "one"], ["out"], axis=2),
        )
        given = weights() | {"last": np.array([-1])}
        proto = model(["X", "W", "R", "B"], ["Y"], given, more, {"Y": [T, 1, N, H], "out": [T, N, I + 1]}, opset=17)
        made = rewritten("lower", proto, target)
        held = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
        slices = [node for node in made.graph.node if node.op_type == "Slice"]
        assert any(node.input[0] == "features" for node in slices)
        assert all(held[node.input[2]].max() < 1 << 31 for node in slices)

    def test_every_product_is_a_matmul(self) -> None:
        counts = Counter(
            node.op_type
            for node in rewritten("lower", model(["X", "W", "R", "B"], ["Y"], weights()), "ncnn").graph.node
        )
        assert counts["MatMul"]
        assert not counts["Gemm"] + counts["Split"]


def two_layers(first: tuple[str, ...], second: tuple[str, ...]) -> onnx.ModelProto:
    """Return a model of two GRUs with these outputs."""
    given = weights() | {"R2": weights()["R"], "B2": weights()["B"], "W2": weights()["R"], "one": np.array([1])}
    more = (
        helper.make_node("Squeeze", ["Y", "one"], ["between"]),
        helper.make_node("GRU", ["between", "W2", "R2", "B2"], second, hidden_size=H, linear_before_reset=1),
    )
    return model(["X", "W", "R", "B"], list(first), given, more, {"Y2": [T, 1, N, H]})


class TestOpenCv5:
    """Its GRU of several sequences without initial_h runs once, and fails when it is run again."""

    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("prefer", ["node", "speed", "size"])
    def test_several_sequences_get_a_state(self, batch: int, prefer: str) -> None:
        given = timed_model(Size(8, 8, batch, 5, state=False, linear_before_reset=1), 17).model
        made = gru_lower.legalize(given, target="opencv5", prefer=prefer).model  # type: ignore[call-overload]
        kept = [node for node in made.graph.node if node.op_type == "GRU"]
        assert all(batch == 1 or len(node.input) == 6 for node in kept)
        lowered = rewritten("lower", given, "opencv5", prefer=prefer)
        assert batch == 1 or "GRU" not in {node.op_type for node in lowered.graph.node}


class TestJaxonnxruntime:
    """It takes shapes and bounds from initializers alone, and reads them as 32-bit numbers."""

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_a_shape_that_a_constant_node_holds(self, command: str) -> None:
        value = numpy_helper.from_array(np.array([T, N * H], np.int64))
        more = (
            helper.make_node("Constant", [], ["shape"], value=value),
            helper.make_node("Reshape", ["Y", "shape"], ["flat"], name="own"),
        )
        shown = {"flat": [T, N * H]}
        given = model(["X", "W", "R", "B"], ["Y"], weights(), more, shown)
        new = rewritten(command, given, "jaxonnxruntime")
        assert "Constant" not in {node.op_type for node in new.graph.node}
        (own,) = [node for node in new.graph.node if node.name == "own"]
        assert own.input[1] in {tensor.name for tensor in new.graph.initializer}

    @pytest.mark.parametrize(
        ("start", "end", "step"), [(1, 2**63 - 1, 1), (-1, -(2**63), -1), (-(2**63), 3, 1), (2**40, 0, -1)]
    )
    def test_bounds_fit_into_32_bits(self, start: int, end: int, step: int) -> None:
        held = {"start": [start], "end": [end], "axis": [0], "step": [step]}
        consts = weights() | {name: np.array(value, np.int64) for name, value in held.items()}
        more = (helper.make_node("Slice", ["Y", *held], ["part"], name="own"),)
        shown = {"part": [len(range(*slice(start, end if step > 0 else None, step).indices(T))), 1, N, H]}
        if end == 0:
            shown["part"][0] -= 1
        new = rewritten("lower", model(["X", "W", "R", "B"], ["Y"], consts, more, shown), "jaxonnxruntime")
        (own,) = [node for node in new.graph.node if node.name == "own"]
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in new.graph.initializer}
        for name in own.input[1:]:
            assert arrays[name].dtype == np.int64
            assert np.abs(arrays[name].astype(object)).max() <= 2**31
        left = rewritten("lower", model(["X", "W", "R", "B"], ["Y"], consts, more, shown), "tinygrad")
        (own,) = [node for node in left.graph.node if node.name == "own"]
        assert list(own.input[1:]) == list(held)  # others read them as they are


class TestMnn:
    """Two values with an empty name are one to it, and the model is not loaded."""

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_names_for_last_states_that_nothing_reads(self, command: str) -> None:
        made = rewritten(command, two_layers(("Y", ""), ("Y2", "")), "mnn", prefer="node")
        states = [node.output[1] for node in made.graph.node if node.op_type == "GRU"]
        assert len(states) == 2
        assert all(states)
        assert len(set(states)) == 2

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_one_alone_gets_none(self, command: str) -> None:
        made = rewritten(command, two_layers(("Y",), ("Y2", "")), "mnn", prefer="node")
        outputs = [list(filter(None, node.output)) for node in made.graph.node if node.op_type == "GRU"]
        assert outputs == [["Y"], ["Y2"]]


class TestRknn:
    """It looks for a value of an empty name, and does not build a GRU that ends in one."""

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_no_empty_name_at_the_end_of_a_node_that_is_kept(self, command: str) -> None:
        lens = np.array([T] * N, np.int32)
        proto = model(["X", "W", "R", "B", "lens", ""], ["Y", ""], weights() | {"lens": lens})
        (node,) = (node for node in rewritten(command, proto, "rknn").graph.node if node.op_type == "GRU")
        assert list(node.input) == ["X", "W", "R", "B", "lens"]
        assert list(node.output) == ["Y"]

    @pytest.mark.parametrize("computed", [False, True])
    @pytest.mark.parametrize("command", ["lower", "legalize"])
    def test_one_that_nothing_reads_stays(self, command: str, *, computed: bool) -> None:
        proto = model(["X", "W", "R", "", "", ""], ["Y"], weights())
        if computed:
            proto.graph.node.insert(0, onnx.helper.make_node("Neg", ["R"], ["minus_R"]))
            proto.graph.node[-1].input[2] = "minus_R"
        del proto.graph.output[:]
        proto.graph.node.append(onnx.helper.make_node("Neg", ["X"], ["z"]))
        proto.graph.output.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [T, N, I]))
        assert "GRU" in {node.op_type for node in rewritten(command, proto, "rknn").graph.node}

    def test_states_have_three_axes(self) -> None:
        """With two it computes other numbers where there is one sequence of two steps that begins with a state."""
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y"], weights() | {"h0": STATE})
        made = onnx.shape_inference.infer_shapes(rewritten("lower", proto, "rknn", form="unroll"))
        states = {value.name: value.type.tensor_type.shape.dim for value in made.graph.value_info}
        assert {len(dims) for name, dims in states.items() if name.endswith("/Ht")} == {3}


@pytest.mark.parametrize("target", ["vela", "tflite-micro", "litert-js", "onnx2tf"])
class TestLiteRt:
    """TensorFlow's quantizer gives what it thinks of as one thing one scale, that of where it is read."""

    @pytest.mark.parametrize("layout", [0, 1])
    @pytest.mark.parametrize("lbr", [0, 1])
    def test_no_clip_bounds_a_step_before_its_scale_is_its_own(self, target: str, lbr: int, layout: int) -> None:
        """Min and Max, Slice and Reshape have one scale: a Clip of the first step would bound what all others get."""
        outputs, shown = ["Y", "Y_h"], {"Y_h": [T, 1, H] if layout else [1, N, H]}
        consts = {key: array for key, array in weights().items() if key != "B" or lbr}
        inputs = ["X", "W", "R", *(["B"] if lbr else [])]
        proto = model(inputs, outputs, consts, shown=shown, opset=14, clip=0.3, linear_before_reset=lbr, layout=layout)
        made = rewritten("lower", proto, target, form="unroll")
        makers = {name: node for node in made.graph.node for name in node.output}
        one_scale = {"Clip", "Min", "Max", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}
        clips = [node for node in made.graph.node if node.op_type == "Clip"]
        assert clips
        for clip in clips:
            before = clip
            while before.op_type in one_scale:
                before = makers[before.input[0]]
            assert before.op_type not in {"Slice", "Split", "Gather"}
        (gru,) = (node for node in gru_lower.fuse(made).model.graph.node if node.op_type == "GRU")
        assert {each.name: each.f for each in gru.attribute}["clip"] == pytest.approx(0.3)

    @pytest.mark.parametrize("direction", ["forward", "bidirectional"])
    def test_no_bias_belongs_to_products_of_several_scales(self, target: str, direction: str) -> None:
        """Rbh added to each step's product is one bias of all, in the scale of the first, whose state is handed in."""
        directions = 1 + (direction == "bidirectional")
        consts = weights(directions) | {"h0": np.full((directions, N, H), 4.0, np.float32)}
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y"], consts, direction=direction)
        made = rewritten("lower", proto, target, form="unroll")
        products = {name for node in made.graph.node if node.op_type in ("MatMul", "Gemm") for name in node.output}
        constants = {tensor.name for tensor in made.graph.initializer}
        added = Counter(
            name
            for node in made.graph.node
            if node.op_type == "Add" and products & set(node.input)
            for name in constants & set(node.input)
        )
        assert set(added.values()) <= {1}
        assert "GRU" in {node.op_type for node in gru_lower.fuse(made).model.graph.node}

    def test_states_of_one_unit_are_chosen_by_broadcasting(self, target: str) -> None:
        """A Where of three alike shapes becomes a SELECT, of which microcontrollers have none."""
        fixed: dict[str, Any] = {"opset": 13, "dtype": np.float32, "T": T, "N": N, "I": I, "H": 1, "static": True}
        case = random_case(np.random.default_rng(0), **fixed, hidden_size=1, sequence_lens=(T, 1), constants=WEIGHTS)
        made = onnx.shape_inference.infer_shapes(rewritten("lower", case.model(), target, form="unroll"))
        shaped = {each.name: len(each.type.tensor_type.shape.dim) for each in made.graph.value_info}
        for node in made.graph.node:
            assert node.op_type != "Where" or len({shaped.get(name, 0) for name in node.input}) > 1


@pytest.mark.parametrize("target", ["litert-js", "onnx2tf"])
def test_litert_is_given_no_elu(target: str) -> None:
    """On its CPU it is NaN of a large number."""
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), activations=["Sigmoid", "Elu"], activation_alpha=[0.3])
    assert not {"Elu", "GRU"} & {node.op_type for node in rewritten("lower", proto, target).graph.node}


class TestMicrocontrollers:
    """LiteRT for Microcontrollers has few kernels of 16 bits and of bools, Ethos-U fewer."""

    @pytest.mark.parametrize("target", ["vela", "tflite-micro"])
    def test_rows_within_constant_lengths_are_cut(self, target: str) -> None:
        consts = weights() | {"lens": np.array([T, 1], np.int32)}
        made = rewritten("lower", model(["X", "W", "R", "B", "lens"], ["Y"], consts), target)
        assert not {"Gather", "GRU"} & {node.op_type for node in made.graph.node}

    def test_no_bool_is_reshaped(self) -> None:
        """Of an initial_h what stands for a sequence of length 0 is zeros: its condition is a number first."""
        fixed: dict[str, Any] = {"opset": 13, "dtype": np.float32, "T": T, "N": N, "I": I, "H": H, "static": True}
        given: dict[str, Any] = {"sequence_lens": (T, 0), "initial_h": True, "activations": None, "constants": WEIGHTS}
        case = random_case(np.random.default_rng(0), **fixed, **given, outputs=("Y_h",), nan_padding=False)
        made = rewritten("lower", case.model(), "vela")
        bools = {name for node in made.graph.node if node.op_type == "Less" for name in node.output}
        readers = {node.op_type for node in made.graph.node if bools & set(node.input)}
        assert readers == {"Cast"}


class TestSpecialCases:
    """Options that are special cases of others have their verdicts where a profile does not tell them apart."""

    def test_what_a_model_has(self) -> None:
        assert "only_Y" in options(model(["X", "W", "R", "B"], ["Y", ""], weights()))
        assert "blank_Y_h" in options(two_layers(("Y", ""), ("Y2", "")))
        assert "only_Y" in options(two_layers(("Y",), ("Y2", "")))
        constant = model(["X", "W", "R", "B", "", "h0"], ["Y"], weights() | {"h0": STATE})
        assert {"constant_initial_h", "only_Y"} <= options(constant)
        given = weights(2) | ROWS
        joined = model(["X", "W", "R", "B"], ["Y"], given, JOINED, {"out": [T, N, 2 * H]}, direction="bidirectional")
        assert "joined_directions" in options(joined)
        plain = model(["X", "W", "R", "B"], ["Y"], weights(2), direction="bidirectional")
        assert "bidirectional" in options(plain)

    @pytest.mark.parametrize("name", read_profile.names())
    def test_a_profile_that_does_not_tell_them_apart(self, name: str) -> None:
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        for column, held in read_profile.load(name).columns.items():
            for option, coarser in COARSER.items():
                if f'"{option}"' not in text:
                    assert held.cells.get(option) == held.cells.get(coarser), f"{column}: {option}"

    def test_what_fails_together_fails_in_the_special_case(self) -> None:
        """MNN computes initial_h wrongly where there is one step, constant or not."""
        profile = read_profile.load("mnn")
        proto = model(["X", "W", "R", "B", "", "h0"], ["Y", "Y_h"], weights() | {"h0": STATE})
        taken = options(proto) - {"many_steps"} | {"one_step"}
        assert "constant_initial_h" in taken
        assert judge(profile, "gru", taken).verdict == "wrong"


class TestInABody:
    """tract 0.23.9 does once what stands beside a Scan in the body of another, and makes Scans of GRUs."""

    @pytest.mark.parametrize("command", ["lower", "legalize"])
    @pytest.mark.parametrize("lbr", ["lbr0", "lbr1"])
    def test_tract_is_given_no_scan_in_a_scan(self, command: str, lbr: str) -> None:
        made = gru_model(plain_options("gru", 17, lbr, "in_body"), 17)
        lowered = rewritten(command, made.model, "tract")
        nodes = [node.op_type for scope in walk(lowered) for node in scope.nodes]
        assert nodes.count("Scan") == 1
        assert not {"GRU", "Loop"} & set(nodes)
        outside = gru_model(plain_options("gru", 17, lbr), 17).model
        assert "GRU" in {node.op_type for node in rewritten("legalize", outside, "tract").graph.node}

    def test_steps_without_a_number_are_refused_for_tract(self) -> None:
        made = gru_model(plain_options("gru", 17, "dynamic_time", "in_body"), 17)
        with pytest.raises(gru_lower.Remaining, match="a Scan or Loop around it is wrong on tract"):
            gru_lower.lower(made.model, target="tract", verify=False)
        assert [found.code for found in gru_lower.check(made.model, target="tract").diagnostics].count("GL701") == 1

    def test_openvino_is_given_a_loop(self) -> None:
        """OpenVINO 2026.4 refuses Scan in a body, and takes Loop there."""
        made = gru_model(plain_options("gru", 17, "lens", "dynamic_time", "in_body"), 17)
        nodes = {node.op_type for scope in walk(rewritten("lower", made.model, "openvino")) for node in scope.nodes}
        assert "Loop" in nodes
        assert "GRU" not in nodes


@pytest.mark.parametrize("form", ["unroll", "scan", "loop"])
@pytest.mark.parametrize("units", [1, 2])
def test_openvino_is_given_no_gemm_of_one_unit(form: str, units: int) -> None:
    """OpenVINO 2026.4 does not load one behind a product of gates: its layouts have more axes than the matrix."""
    rng = np.random.default_rng(0)
    given = {"W": rng.uniform(-1, 1, (1, 3 * units, I)), "R": rng.uniform(-1, 1, (1, 3 * units, units))}
    consts = {key: array.astype(np.float32) for key, array in given.items()}
    shown = {"Y": [T, 1, N, units]}
    proto = model(["X", "W", "R"], ["Y"], consts, shown=shown, hidden_size=units, linear_before_reset=0)
    nodes = {node.op_type for scope in walk(rewritten("lower", proto, "openvino", form=form)) for node in scope.nodes}
    assert ("Gemm" in nodes) == (units > 1)
    assert "GRU" not in nodes


@pytest.mark.parametrize("command", ["lower", "legalize"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_emx_is_told_no_direction_that_is_forward(command: str, direction: str) -> None:
    """It compares the attribute's bytes with a text: a direction that is written out is one that it does not know."""
    proto = model(["X", "W", "R", "B"], ["Y"], weights())
    proto.graph.node[0].attribute.append(helper.make_attribute("direction", direction))
    kept = [node for node in rewritten(command, proto, "emx").graph.node if node.op_type == "GRU"]
    assert len(kept) == (command == "legalize")
    assert not any(attribute.name == "direction" for node in kept for attribute in node.attribute)


@pytest.mark.parametrize("command", ["lower", "legalize"])
def test_emx_is_told_activations_in_the_operators_own_letters(command: str) -> None:
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), activations=["sigmoid", "TANH"])
    kept = [node for node in rewritten(command, proto, "emx").graph.node if node.op_type == "GRU"]
    assert len(kept) == (command == "legalize")
    assert all(list(a.strings) == [b"Sigmoid", b"Tanh"] for n in kept for a in n.attribute if a.name == "activations")


def test_onnx2tf_is_told_no_activations_in_other_letters() -> None:
    """Its conversion ends in KeyError: 'sigmoid'."""
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), activations=["sigmoid", "tanh"])
    assert "GRU" not in {node.op_type for node in rewritten("lower", proto, "onnx2tf").graph.node}


@pytest.mark.parametrize("target", ["ezkl", "onnxruntime", "tract"])
def test_a_reset_that_is_neither_0_nor_1_is_1(target: str) -> None:
    """A circuit of ezkl 23.0.5 asks whether it is 1, and computes a GRU of 2 as one of 0, without an error."""
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), linear_before_reset=2)
    (kept,) = (node for node in rewritten("legalize", proto, target).graph.node if node.op_type == "GRU")
    assert [attribute.i for attribute in kept.attribute if attribute.name == "linear_before_reset"] == [1]


def test_a_batch_that_a_state_tells_is_said_where_views_are_folded() -> None:
    """OpenVINO 2026.4.1 does not load a Squeeze of everything behind a Reshape whose first dim is -1."""
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        g (float[batch, 1, 3] given, float[2, 1, 4] h0) => (float[batch, 1, 8] y)
        <int64[3] rows = {0, 0, -1}>
        {
          X = Transpose <perm = [1, 0, 2]> (given)
          Y = GRU <hidden_size = 4, direction = "bidirectional", linear_before_reset = 1> (X, W, R, B, , h0)
          split = Transpose <perm = [0, 2, 1, 3]> (Y)
          joined = Reshape (split, rows)
          y = Transpose <perm = [1, 0, 2]> (joined)
        }"""
    )
    for name, dims in (("W", (2, 12, 3)), ("R", (2, 12, 4)), ("B", (2, 24))):
        values = np.linspace(-1, 1, math.prod(dims), dtype=np.float32).reshape(dims)
        proto.graph.initializer.append(numpy_helper.from_array(values, name))
    lowered = gru_lower.lower(proto, passes="lower-gru{form=step,vocabulary=matmul,state_rank=3}")
    assert lowered.report.verification.status == "equivalent"
    (view,) = (node for node in lowered.model.graph.node if "y" in node.output)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in lowered.model.graph.initializer}
    assert held[view.input[1]].tolist() == [1, 1, 8]


@pytest.mark.parametrize("form", ["scan", "auto"])
@pytest.mark.parametrize("rest", ["", ', direction = "bidirectional"'])
def test_tract_gets_no_reshape_that_infers_a_batch(form: Literal["scan", "auto"], rest: str) -> None:
    """Tract 0.23.9 cannot divide by a length that a Conv with strides leaves: no Reshape may have a -1 for B there."""
    count = 2 if rest else 1
    proto = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]> g (float[N, 1, L] x) => (float[P, Q, S, V] Y)
        {{ c = Conv <strides = [2]> (x, k)  t = Transpose <perm = [2, 0, 1]> (c)
           Y = GRU <hidden_size = 4{rest}> (t, W, R, B) }}"""
    )
    rng = np.random.default_rng(1)
    shapes = {"k": (3, 1, 3), "W": (count, 12, 3), "R": (count, 12, 4), "B": (count, 24)}
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(rng.uniform(-0.6, 0.6, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    )
    result = gru_lower.lower(proto, target="tract", form=form)
    assert result.report.verification.status == "equivalent"
    nodes = result.model.graph.node
    made = {name: node.op_type for node in nodes for name in node.output}
    scans = [node for node in nodes if node.op_type == "Scan"]
    assert scans
    assert "Reshape" not in {made.get(name) for scan in scans for name in scan.input}


def test_the_reshape_before_the_products_stays_in_float16() -> None:
    """What onnxruntime 1.32 loads of float16 is a matter of what stands before its products."""
    proto = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]> g (float16[N, T, {I}] x) => (float16[P, Q, S, V] Y)
        {{ t = Transpose <perm = [1, 0, 2]> (x)  Y = GRU <hidden_size = {H}> (t, W, R, B) }}"""
    )
    given = {name: array.astype(np.float16) for name, array in weights().items()}
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in given.items())
    lowered = gru_lower.lower(proto, target="tract", form="scan", verify=False).model
    made = {name: node.op_type for node in lowered.graph.node for name in node.output}
    products = [node for node in lowered.graph.node if node.op_type == "MatMul"]
    assert products
    assert all(made[node.input[0]] == "Reshape" for node in products)
    assert gru_lower.verify(proto, lowered).status == "equivalent"


@pytest.mark.parametrize("function", ["Relu", "Elu", "Softsign"])
@pytest.mark.parametrize("batch", [1, 4])
def test_tpu_mlir_gets_no_relu_right_behind_a_sum(function: str, batch: int) -> None:
    """tpu-mlir 1.30.2 loses the Relu of Add(value, MatMul) for one sequence: RNNoise's gains were off by 0.9."""
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), activations=["Sigmoid", function])
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = batch
    proto.graph.output[0].type.tensor_type.shape.dim[2].dim_value = batch
    result = gru_lower.lower(proto, target="tpu-mlir")
    assert result.report.verification.status == "equivalent"
    made = {name: node.op_type for node in result.model.graph.node for name in node.output}
    relus = [node for node in result.model.graph.node if node.op_type == "Relu"]
    assert relus
    assert {made[node.input[0]] for node in relus} == {"Clip"}


@pytest.mark.parametrize("function", ["Relu", "Elu", "Softsign", "HardSigmoid"])
@pytest.mark.parametrize(
    "spelling", ["target=portable", "target=tpu-mlir", "vocabulary=matmul,forbid=Elu+Softsign+HardSigmoid"]
)
def test_functions_that_are_written_with_others_are_read_back(function: str, spelling: str) -> None:
    proto = model(["X", "W", "R", "B"], ["Y"], weights(), activations=["Sigmoid", function])
    lowered = gru_lower.lower(proto, passes=f"lower-gru{{form=unroll,{spelling}}}").model
    (node,) = (node for node in gru_lower.fuse(lowered).model.graph.node if node.op_type == "GRU")
    named = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    assert named["activations"] == [b"Sigmoid", function.encode()]
