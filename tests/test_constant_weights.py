"""Weights that nodes compute of constants are constants: for lowering, for targets, for the weights' conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.frameworks.onnx_models.read_grus import read
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from lowering import holds_gru, op_types, run

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]
T, N, I, H = 5, 2, 3, 4
RNG = np.random.default_rng(0)
WEIGHTS = {
    key: RNG.uniform(-0.6, 0.6, shape).astype(np.float32)
    for key, shape in (("W", (1, 3 * H, I)), ("R", (1, 3 * H, H)), ("B", (1, 6 * H)))
}
X = RNG.standard_normal((T, N, I)).astype(np.float32)


class Graph:
    """Collects nodes and constants."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, Array] = {}

    def constant(self, values: Any) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors[name] = np.ascontiguousarray(values)
        return name

    def node(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"v{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, **attributes))
        return names[0]

    def unsqueeze(self, value: str) -> str:
        if self.opset < 13:
            return self.node("Unsqueeze", value, axes=[0])
        return self.node("Unsqueeze", value, self.constant([0]))

    def dequantize(self, values: Array, axis: int | None = None, zero: int | None = 0, kind: Any = np.int8) -> str:
        others = None if axis is None else tuple(k for k in range(values.ndim) if k != axis)
        scale = np.asarray(np.abs(values).max(axis=others, keepdims=axis is not None) / 100, np.float32)
        whole = np.clip(np.round(values / scale) + (zero or 0), np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)
        flat = scale.reshape(() if axis is None else -1)
        given = [self.constant(whole), self.constant(flat)]
        given += [] if zero is None else [self.constant(np.full(flat.shape, zero, kind))]
        return self.node("DequantizeLinear", *given, **({} if axis is None else {"axis": axis}))


def old_torch(g: Graph, values: Array) -> str:
    """Bring the gates into order by Slice, Concat and Unsqueeze of a parameter in torch's order."""
    stored = g.constant(values[0])
    size = values.shape[1] // 3
    cuts = [(k * size, (k + 1) * size) for k in range(3)]
    if g.opset < 10:
        parts = [g.node("Slice", stored, axes=[0], starts=[a], ends=[b]) for a, b in cuts]
    else:
        parts = [g.node("Slice", stored, g.constant([a]), g.constant([b]), g.constant([0])) for a, b in cuts]
    return g.unsqueeze(g.node("Concat", *parts, axis=0))


def float16(g: Graph, values: Array) -> str:
    return g.node("Cast", g.constant(values.astype(np.float16)), to=TensorProto.FLOAT)


def transposed(g: Graph, values: Array) -> str:
    perm = list(range(values.ndim))[::-1]
    return g.node("Transpose", g.constant(values.transpose(perm)), perm=perm)


def squeezed(g: Graph, values: Array) -> str:
    stored = g.constant(values[None])
    return g.node("Squeeze", stored, axes=[0]) if g.opset < 13 else g.node("Squeeze", stored, g.constant([0]))


def weight_norm(g: Graph, values: Array) -> str:
    stored, gain = g.constant(values), g.constant(np.linalg.norm(values, axis=-1, keepdims=True))
    norm = (
        g.node("ReduceL2", stored, axes=[-1], keepdims=1)
        if g.opset < 18
        else g.node("ReduceL2", stored, g.constant([-1]), keepdims=1)
    )
    return g.node("Mul", stored, g.node("Div", gain, norm))


def padded(g: Graph, values: Array) -> str:
    """Pad by two columns, and cut them off again."""
    pads = [0] * (2 * values.ndim - 1) + [2]
    wider = g.node("Pad", g.constant(values), g.constant(pads), g.constant(np.float32(0.3)))
    return g.node("Slice", wider, g.constant([0]), g.constant([-2]), g.constant([values.ndim - 1]))


def clipped(g: Graph, values: Array) -> str:
    whole = g.node("Sum", g.constant(values * 0.5), g.constant(values * 0.5), g.constant(values * 0))
    return g.node("Clip", whole, g.constant(np.float32(-3)), g.constant(np.float32(4)))


def in_blocks(g: Graph, values: Array) -> str:
    scale = np.full(values[:, ::4].shape, 0.01, np.float32)
    whole = np.round(values / 0.01).astype(np.int8)
    return g.node("DequantizeLinear", g.constant(whole), g.constant(scale), axis=1, block_size=4)


def in_16_bits(g: Graph, values: Array) -> str:
    whole = np.round(values / 0.001).astype(np.int16)
    return g.node("DequantizeLinear", g.constant(whole), g.constant(np.float32(0.001)))


def per_tensor(g: Graph, values: Array) -> str:
    return g.dequantize(values)


def asymmetric(g: Graph, values: Array) -> str:
    return g.dequantize(values, zero=120, kind=np.uint8)


def per_row(g: Graph, values: Array) -> str:
    return g.dequantize(values, axis=1 if values.ndim > 2 else None, zero=None)


def per_column(g: Graph, values: Array) -> str:
    return g.dequantize(values, axis=2 if values.ndim > 2 else None)


Spell = "Callable[[Graph, Array], str]"
FLOATS = [(old_torch, 9), (old_torch, 17), (float16, 13), (transposed, 11), (squeezed, 12), (squeezed, 18)]
FLOATS += [(weight_norm, 13), (weight_norm, 18), (padded, 13), (clipped, 13)]
QUANTISED = [(per_tensor, 10), (per_tensor, 17), (asymmetric, 17), (per_row, 13), (per_column, 17)]


def model_of(spell: Callable[[Graph, Array], str], opset: int, *, twice: bool = False) -> onnx.ModelProto:
    g = Graph(opset)
    weights = [spell(g, values) for values in WEIGHTS.values()]
    outputs = ["Y", "Y2"][: 1 + twice]
    grus = [helper.make_node("GRU", ["X", *weights], [y], hidden_size=H, linear_before_reset=1) for y in outputs]
    graph = helper.make_graph(
        [*g.nodes, *grus],
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, N, I])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, [T, 1, N, H]) for y in outputs],
        [numpy_helper.from_array(array, name) for name, array in g.tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def computing_constants(model: onnx.ModelProto) -> list[str]:
    """Return the operators of the main graph's nodes that compute constants of constants."""
    known = {tensor.name for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type not in ("Constant", "DequantizeLinear", "Scan", "Loop") and all(n in known for n in node.input):
            found.append(node.op_type)
            known.update(node.output)
    return found


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(("spell", "opset"), FLOATS)
def test_what_is_computed_of_constants_is_cut_into_gates(spell: Any, opset: int, *, twice: bool) -> None:
    model = model_of(spell, opset, twice=twice)
    expected = run(model, {"X": X})
    for options in ({"form": "unroll"}, {"form": "scan"}, {"target": "portable", "opset": min(max(opset, 13), 17)}):
        result = gru_lower.lower(model, **options, verify=False)
        assert not computing_constants(result.model)
        for name, value in run(result.model, {"X": X}).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-6)


@pytest.mark.parametrize(("spell", "opset"), [*FLOATS, *QUANTISED])
@pytest.mark.parametrize("target", ["mnn", "tensorrt"])
def test_a_target_keeps_a_gru_whose_weights_are_computed_of_constants(spell: Any, opset: int, target: str) -> None:
    result = gru_lower.legalize(model_of(spell, opset), target=target)
    assert [node.op_type for node in result.model.graph.node] == ["GRU"]
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize(("spell", "opset"), [*FLOATS, *QUANTISED])
def test_weights_are_converted_that_are_computed_of_constants(spell: Any, opset: int) -> None:
    gru = read(model_of(spell, opset)).grus[0]
    np.testing.assert_allclose(gru.W, WEIGHTS["W"], atol=0.01)
    assert gru.B is not None
    np.testing.assert_allclose(gru.B, WEIGHTS["B"], atol=0.01)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("form", ["unroll", "scan", "loop"])
@pytest.mark.parametrize(("spell", "opset"), QUANTISED)
def test_quantised_weights_stay_quantised_gate_by_gate(spell: Any, opset: int, form: Any, *, twice: bool) -> None:
    model = model_of(spell, opset, twice=twice)
    result = gru_lower.lower(model, form=form)
    assert result.report.verification.status == "equivalent"
    kinds = [node.op_type for scope in walk(result.model) for node in scope.nodes]
    assert kinds.count("DequantizeLinear") == 6 * (1 + twice)
    whole = [t for scope in walk(result.model) for t in scope.initializers.values() if t.data_type != TensorProto.FLOAT]
    assert sum(np.prod(t.dims) for t in whole if len(t.dims) > 1 and t.data_type in (2, 3)) == 3 * H * (I + H)


@pytest.mark.parametrize(("spell", "opset"), QUANTISED)
def test_portable_multiplies_by_quantised_weights_as_onnxruntime_computes_them_right(spell: Any, opset: int) -> None:
    model = model_of(spell, opset)
    result = gru_lower.lower(model, target="portable", opset=max(13, opset))
    assert result.report.verification.status == "equivalent"
    assert not computing_constants(result.model)


def test_openvino_gets_no_quantised_weights_with_a_zero_point() -> None:
    model = model_of(asymmetric, 17)
    assert "GL701" in [found.code for found in gru_lower.check(model, target="openvino").diagnostics]
    legal = gru_lower.legalize(model, target="openvino").model
    assert holds_gru(legal)
    assert "DequantizeLinear" not in op_types(legal)
    assert "DequantizeLinear" in op_types(gru_lower.legalize(model_of(per_tensor, 17), target="openvino").model)


def test_openvinos_provider_gets_no_products_with_quantised_weights() -> None:
    """Those with one scale are wrong there; those of the node are right."""
    model = model_of(per_tensor, 17)
    model.graph.node[-1].output.append("Y_h")
    model.graph.output.append(helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [1, N, H]))
    for form in ("unroll", "scan", "loop"):
        made = gru_lower.lower(model, target="onnxruntime-openvino", form=form).model
        assert "DequantizeLinear" not in op_types(made)
    assert not gru_lower.check(model, target="onnxruntime-openvino", select=["GL701"]).diagnostics


def scaled_axes(model: onnx.ModelProto) -> list[int]:
    """Return the axes of the DequantizeLinears whose scales are more than one."""
    sizes = {tensor.name: numpy_helper.to_array(tensor).size for tensor in model.graph.initializer}
    found = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and sizes[node.input[1]] > 1]
    return [next((a.i for a in node.attribute if a.name == "axis"), 1) for node in found]


@pytest.mark.parametrize("spell", [per_row, per_column])
def test_portable_multiplies_by_the_scales_of_an_axis(spell: Any) -> None:
    """MNN takes scales of any axis for the last one's, OpenVINO computes those of features wrongly: in silence."""
    result = gru_lower.lower(model_of(spell, 17), target="portable")
    assert result.report.verification.status == "equivalent"
    assert "DequantizeLinear" in op_types(result.model)
    assert not scaled_axes(result.model)


@pytest.mark.parametrize(("target", "spell"), [("mnn", per_row), ("mnn", per_column), ("openvino", per_column)])
@pytest.mark.parametrize("command", [gru_lower.lower, gru_lower.legalize])
def test_scales_that_a_target_takes_for_others_are_multiplied_in_the_file(
    target: str, spell: Any, command: Callable[..., Any]
) -> None:
    model = model_of(spell, 17)
    assert "GL701" in [found.code for found in gru_lower.check(model, target=target).diagnostics]
    result = command(model, target=target)
    assert result.report.verification.status == "equivalent"
    assert not scaled_axes(result.model)


def test_a_constant_initial_state_is_cut_beforehand() -> None:
    h0 = RNG.uniform(-1, 1, (1, N, H)).astype(np.float32)
    model = model_of(float16, 17)
    model.graph.initializer.append(numpy_helper.from_array(h0, "h0"))
    model.graph.node[-1].input.extend(["", "h0"])
    result = gru_lower.lower(model, target="portable")
    assert not computing_constants(result.model)
    assert result.report.verification.status == "equivalent"


def test_a_long_chain_is_walked_and_one_that_begins_with_an_input_is_none() -> None:
    g = Graph(17)
    name = g.constant(np.ones(3, np.float32))
    for _ in range(5000):
        name = g.node("Neg", name)
    open_name = g.node("Add", name, "X")
    graph = helper.make_graph(
        g.nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [3])],
        [],
        [numpy_helper.from_array(array, key) for key, array in g.tensors.items()],
    )
    model = Model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    scope, facts = next(walk(model.proto)), Facts(model, computed=True)
    assert facts.constant(scope, open_name) is None
    assert facts.constant(scope, "X") is None


@pytest.mark.parametrize(
    ("op_type", "values"), [("Expand", [1 << 20, 3]), ("Tile", [1 << 20]), ("ConstantOfShape", [1 << 40])]
)
def test_what_would_be_huge_is_not_computed(op_type: str, values: list[int]) -> None:
    g = Graph(17)
    given = [] if op_type == "ConstantOfShape" else [g.constant(np.ones(3, np.float32))]
    name = g.node(op_type, *given, g.constant(np.array(values)))
    tensors = [numpy_helper.from_array(array, key) for key, array in g.tensors.items()]
    graph = helper.make_graph(g.nodes, "g", [], [], tensors)
    model = Model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert Facts(model, computed=True).constant(next(walk(model.proto)), name) is None


@pytest.mark.parametrize("spell", [in_blocks, in_16_bits])
@pytest.mark.parametrize("target", ["portable", "onnxruntime", "tract"])
def test_weights_quantised_as_an_older_opset_cannot_say(spell: Any, target: str) -> None:
    """Opset 17 has neither blocks nor 16 bits: what such weights are worth is stored."""
    model = model_of(spell, 21)
    model.ir_version = 10
    result = gru_lower.lower(model, target=target, opset=17)
    assert result.report.verification.status == "equivalent"
    assert "DequantizeLinear" not in {node.op_type for node in result.model.graph.node}
