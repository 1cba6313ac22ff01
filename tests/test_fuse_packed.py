"""Scans that lower packs for small sizes come back as the GRU; those that only look packed stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lowering import Array

PACKINGS = ("double", "triple", "block")


def layer(H: int, I: int, directions: int, linear_before_reset: int, *, x: str = "X", name: str = "") -> GraphProto:
    """Return a GRU over [T, B, I] with a first state; its weights are constants."""
    rng = np.random.default_rng(H)
    shapes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    weights = {f"{name}{key}": rng.uniform(-0.5, 0.5, shape).astype(np.float32) for key, shape in shapes.items()}
    way = "bidirectional" if directions > 1 else "forward"
    gru = helper.make_node(
        "GRU", [x, *weights, "", f"{name}h0"], [f"{name}Y", f"{name}Y_h"], hidden_size=H, direction=way,
        linear_before_reset=linear_before_reset,
    )  # fmt: skip
    return helper.make_graph(
        [gru],
        "model",
        [
            helper.make_tensor_value_info(x, TensorProto.FLOAT, ["T", "B", I]),
            helper.make_tensor_value_info(f"{name}h0", TensorProto.FLOAT, [directions, "B", H]),
        ],
        [
            helper.make_tensor_value_info(f"{name}Y", TensorProto.FLOAT, ["T", directions, "B", H]),
            helper.make_tensor_value_info(f"{name}Y_h", TensorProto.FLOAT, [directions, "B", H]),
        ],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )


def model_of(graph: GraphProto) -> ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def lowered(model: ModelProto, packing: str) -> ModelProto:
    made = gru_lower.lower(model, passes=f"lower-gru{{form=scan,packing={packing}}}", verify=False).model
    assert isinstance(made, ModelProto)
    return made


def grus(model: ModelProto) -> list[onnx.NodeProto]:
    return [node for scope in walk(model) for node in scope.nodes if is_onnx(node, "GRU")]


def direction_of(node: onnx.NodeProto) -> str:
    return next((a.s.decode() for a in node.attribute if a.name == "direction"), "forward")


@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_scan_comes_back(packing: str, directions: int, linear_before_reset: int) -> None:
    """As one node, with its numbers bit for bit."""
    model = model_of(layer(5, 3, directions, linear_before_reset))
    result = gru_lower.fuse(lowered(model, packing), require=directions)
    assert result.report.verification.status == "equivalent"
    assert {(site.action, site.code) for site in result.report.sites} == {("fused", None)}
    (node,) = grus(result.model)
    assert direction_of(node) == ("bidirectional" if directions > 1 else "forward")
    assert not any(is_onnx(each, "Scan") for each in result.model.graph.node)
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    after = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.model.graph.initializer}
    np.testing.assert_array_equal(after[node.input[1]], before["W"])
    np.testing.assert_array_equal(after[node.input[2]], before["R"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("packing", ["auto", "double", "triple"])
def test_whatever_the_activations_and_the_type(packing: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    functions = [("Sigmoid", "Tanh"), ("HardSigmoid", "Softsign"), ("Sigmoid", "Relu"), ("Tanh", "Tanh")][seed % 4]
    case = random_case(
        rng, opset=(10, 11, 14, 21)[seed // 2], dtype=(np.float32, np.float64)[seed % 2], constants=WEIGHTS,
        sequence_lens=None, activations=None, static=seed % 3 == 0, I=(1, 3)[seed % 2], H=1 + seed, N=2, T=5,
    )  # fmt: skip
    case.attributes["activations"] = [*functions] * (1 + (case.attributes.get("direction") == "bidirectional"))
    result = gru_lower.fuse(lowered(case.model(), packing))
    assert result.report.verification.status == "equivalent", (case, result.report.sites)
    assert len(grus(result.model)) == 1, case
    assert not any(is_onnx(node, "Scan") for node in result.model.graph.node), case


def test_layers_of_several_sizes_come_back() -> None:
    """Each by stretches of its own width, one of them in three parts, the other both directions side by side."""
    first, second = layer(3, 2, 1, 1, name="a_"), layer(6, 3, 2, 0, x="a_rows", name="b_")
    between = helper.make_node("Squeeze", ["a_Y", "one"], ["a_rows"])
    graph = helper.make_graph(
        [*first.node, between, *second.node], "stack", [*first.input, second.input[1]], [*second.output],
        [*first.initializer, *second.initializer, numpy_helper.from_array(np.array([1]), "one")],
    )  # fmt: skip
    result = gru_lower.fuse(gru_lower.lower(model_of(graph), form="scan", verify=False).model, require=3)
    assert [direction_of(node) for node in grus(result.model)] == ["forward", "bidirectional"]
    assert result.report.verification.status == "equivalent"


def test_a_packed_scan_in_a_branch_comes_back() -> None:
    inner = layer(4, 3, 2, 1)
    branch = helper.make_graph([inner.node[0]], "then", [], inner.output, inner.initializer)
    other = helper.make_graph(
        [helper.make_node("ConstantOfShape", [shape], [name]) for shape, name in (("s", "Yn"), ("t", "Y_hn"))],
        "else",
        [],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Yn", "Y_hn")],
        [numpy_helper.from_array(np.array(dims), name) for name, dims in (("s", [1, 2, 1, 4]), ("t", [2, 1, 4]))],
    )
    given = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Z", "Z_h")]
    node = helper.make_node("If", ["go"], ["Z", "Z_h"], then_branch=branch, else_branch=other)
    model = model_of(helper.make_graph([node], "model", [given, *inner.input], made))
    result = gru_lower.fuse(lowered(model, "block"), require=2)
    assert [direction_of(each) for each in grus(result.model)] == ["bidirectional"]
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("packing", PACKINGS)
def test_what_onnxruntime_made_of_it_comes_back(packing: str, tmp_path: Path) -> None:
    """A function in one node with the Gemm before it."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    packed = lowered(model_of(layer(5, 3, 2, 1)), packing)
    ort.InferenceSession(packed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result = gru_lower.fuse(tmp_path / "optimized.onnx", require=2)
    assert [direction_of(node) for node in grus(result.model)] == ["bidirectional"]


def test_pruned_weights_do_not_hide_the_stretches() -> None:
    """Zeros of the weights' own are blocks of 1; the width that explains them is not that of the state."""
    model = model_of(layer(3, 3, 2, 0))
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if tensor.name == "R":
            array[:, ::2, 1] = 0
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    result = gru_lower.fuse(lowered(model, "block"), require=2)
    assert [direction_of(node) for node in grus(result.model)] == ["bidirectional"]


def changed(model: ModelProto, ending: str, rows: slice, columns: slice) -> ModelProto:
    """Return a model with a part of a packed matrix made larger by half."""
    copy = ModelProto()
    copy.CopyFrom(model)
    graphs: Sequence[GraphProto] = [scope.proto for scope in walk(copy) if isinstance(scope.proto, GraphProto)]
    (tensor,) = [each for graph in graphs for each in graph.initializer if each.name.endswith(ending)]
    array: Array = numpy_helper.to_array(tensor).copy()
    array[rows, columns] = array[rows, columns] * 1.5 + 0.1
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return copy


H = 5
FIRST, SECOND, THIRD = (slice(place * H, (place + 1) * H) for place in range(3))


@pytest.mark.parametrize(
    ("packing", "matrix", "rows", "columns"),
    [
        ("double", "packed_Rzr", FIRST, SECOND),  # both halves of the state are h, so this is Rz + another: a GRU
        ("double", "packed_first", FIRST, SECOND),  # a part of the reset gate's share goes into the state
        ("triple", "packed_Rzru", THIRD, FIRST),  # u is not 1 - z any more
        ("triple", "packed_Rq", FIRST, FIRST),  # the state that z keeps is not the old one
        ("triple", "packed_Rn", FIRST, SECOND),  # a third part that does not stay 0
        ("block", "packed_Rz", FIRST, SECOND),  # one direction reads the other
    ],
)
@pytest.mark.parametrize("linear_before_reset", [0, 1])
def test_what_only_looks_packed_is_never_fused_falsely(
    packing: str, matrix: str, rows: slice, columns: slice, linear_before_reset: int
) -> None:
    """Recognition gives a GRU only where it is one: nothing is left to the run that follows."""
    packed = lowered(model_of(layer(H, 3, 1 + (packing == "block"), linear_before_reset)), packing)
    result = gru_lower.fuse(changed(packed, matrix, rows, columns))
    is_gru = (packing, matrix, columns) == ("double", "packed_Rzr", SECOND)
    assert len(grus(result.model)) == is_gru
    assert not any(site.code == "GL803" for site in result.report.sites)
    assert is_gru or {site.code for site in result.report.sites} == {"GL801"}
