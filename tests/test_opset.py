"""--opset: the one edit of a whole model, held to what the model computed before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import gru_lower
import zoo
from gru_lower.errors import Unsupported
from gru_lower.graph import external_data
from gru_lower.graph.model_tensors import tensors
from gru_lower.gru import reference
from lowering import holds_gru, lower, run
from strategies import GruCase, random_case

if TYPE_CHECKING:
    from pathlib import Path


def old(opset: int, **knobs: Any) -> GruCase:
    """Return a float32 case of an old opset."""
    fixed: dict[str, Any] = {"opset": opset, "dtype": np.float32, "activations": None, "clip": None, "layout": None}
    if opset < 3:
        fixed["linear_before_reset"] = None
    return random_case(np.random.default_rng(opset), **{**fixed, "outputs": ("Y", "Y_h"), **knobs})


@pytest.mark.parametrize("opset", [1, 3, 5, 6, 7, 12])
@pytest.mark.parametrize("to", [7, 11, 17, 22])
def test_an_old_model_is_converted_and_lowered(opset: int, to: int) -> None:
    """Below opset 7 nothing can be lowered in place; converted, it is, and the numbers are the operator's."""
    if to <= opset:
        pytest.skip("conversion is upwards here")
    case = old(opset, sequence_lens=None if to < 11 else "ragged", nan_padding=False)
    lowered, result = lower(case.model(), f"convert-opset{{to={to}}},lower-gru")
    assert [site.action for site in result.sites] == ["lowered"]
    assert not holds_gru(lowered)
    assert {entry.domain: entry.version for entry in lowered.opset_import} == {"": to}
    onnx.checker.check_model(lowered, full_check=True)
    for name, value in run(lowered, case.feeds()).items():
        np.testing.assert_allclose(value, case.expected()[name], rtol=0, atol=2e-5)


@pytest.mark.parametrize("opset", [3, 6])
def test_the_verdict_on_an_old_model(opset: int) -> None:
    """No runtime takes a model that old; the reference does, so the verdict is one on the whole model."""
    found = gru_lower.lower(old(opset, sequence_lens=None).model(), opset=17).report.verification
    assert found.status == "equivalent", found.message


def test_constants_stay_constants() -> None:
    """Up to IR version 3 initializers had to be inputs; after conversion nobody can override them."""
    case = old(6, constants=frozenset({"W", "R", "B"}))
    lowered, _ = lower(case.model(), "convert-opset{to=17}")
    assert not {value.name for value in lowered.graph.input} & {"W", "R", "B"}
    (node,) = [node for node in lowered.graph.node if node.op_type == "GRU"]
    assert node.domain == ""


@pytest.mark.parametrize(("opset", "to"), [(12, 17), (21, 17), (23, 13)])
def test_what_the_converter_drops_is_put_back(opset: int, to: int) -> None:
    """What torch 2.13 exports says of every node where in the source it comes from: nothing there concerns anybody."""
    model = old(opset).model()
    model.ir_version = 10
    graph, node = model.graph, model.graph.node[0]
    for each in (model, graph, node, graph.input[0]):
        each.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File model.py, line 1")
    graph.doc_string, node.doc_string = "a graph", "a node"
    graph.quantization_annotation.add(tensor_name="Y")
    new, result = lower(model, f"convert-opset{{to={to}}}")
    assert result.diagnostics == []
    assert new.metadata_props == model.metadata_props
    for field in ("metadata_props", "doc_string", "quantization_annotation"):
        assert getattr(new.graph, field) == getattr(graph, field)
    assert new.graph.node[0].metadata_props == node.metadata_props
    assert new.graph.node[0].doc_string == "a node"
    assert new.graph.input[0].metadata_props == graph.input[0].metadata_props


def test_in_bodies_too() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["": 21]>
        g (bool c, float[2] X) => (float[2] Z) {
          Z = If (c) <then_branch = t () => (float[2] u) { u = Relu(X) },
                      else_branch = e () => (float[2] v) { v = Tanh(X) }>
        }""")
    body = model.graph.node[0].attribute[1].g
    body.node[0].metadata_props.add(key="layer", value="1")
    new, result = lower(model, "convert-opset{to=17}")
    assert result.diagnostics == []
    assert new.graph.node[0].attribute[1].g.node[0].metadata_props == body.node[0].metadata_props


FUNCTIONS = """
<ir_version: 10, opset_import: ["": 21, "my": 1]>
g (float[5, N, 2] X, float[1, 3, 2] W, float[1, 3, 1] R) => (float[5, 1, N, 1] Y, float[5, 1, N, 1] Z) {
  Y = my.Outer <linear_before_reset = 1> (X, W, R)
  Z = my.Wrap (X, W, R)
}
<opset_import: ["": 21, "my": 1], domain: "my">
Outer <linear_before_reset> (X, W, R) => (Y) {
  wrapped = my.Wrap <linear_before_reset: int = @linear_before_reset> (X, W, R)
  Y = Relu (wrapped)
}
<opset_import: ["": 21], domain: "my">
Wrap <linear_before_reset: int = 0> (X, W, R) => (Y) {
  Y = GRU <hidden_size = 1, linear_before_reset: int = @linear_before_reset> (X, W, R)
}
"""


class TestFunctions:
    """The converter takes no local functions: their bodies have no types to convert by. They are written out."""

    @pytest.mark.parametrize("to", [13, 17, 23])
    def test_they_are_written_out(self, to: int) -> None:
        result = gru_lower.lower(onnx.parser.parse_model(FUNCTIONS), opset=to)
        assert result.report.verification.status == "equivalent"
        assert not result.model.functions
        assert not holds_gru(result.model)
        assert {entry.version for entry in result.model.opset_import if not entry.domain} == {to}
        onnx.checker.check_model(result.model, full_check=True)
        (said,) = [each.message for each in result.report.diagnostics if each.code == "GL011"]
        assert "2 local functions, written out where they are called" in said

    def test_of_another_opset_than_the_model(self) -> None:
        """Where onnx can convert a body on its own, its import follows; otherwise it is said what to do."""
        model = onnx.parser.parse_model(FUNCTIONS)
        for function in model.functions:
            function.opset_import[0].version = 18
        with pytest.raises(gru_lower.Unsupported) as caught:
            gru_lower.lower(model, opset=17)
        assert caught.value.code in {"GL012", "GL017"}
        assert "without local functions" in str(caught.value.hint)

    def test_portable_asks_for_the_opset_and_takes_it(self) -> None:
        model = onnx.parser.parse_model(FUNCTIONS)
        with pytest.raises(gru_lower.GruLowerError) as caught:
            gru_lower.lower(model, target="portable", fix_dims={"N": 2})
        assert "opset=17" in f"{caught.value.message} {caught.value.hint}"
        result = gru_lower.lower(model, target="portable", fix_dims={"N": 2}, opset=17)
        assert result.report.verification.status == "equivalent"


DOWN = {
    "ConstantOfShape": ("s = Shape(X)", "c = ConstantOfShape <value = float[1] {0.5}> (s)", "Z = Add(X, c)"),
    "Relu": ("Z = Relu(X)",),
    "Mul": ("a = Mul(X, X)", "Z = Sub(a, X)"),
    "Transpose": ("t = Transpose(X)", "c = Concat <axis = 0> (t, t)", "m = MatMul(X, t)", "Z = MatMul(m, X)"),
    "Shape, its ends given": ("s = Shape <start = 0> (X)", "Z = Reshape <allowzero = 0> (X, s)"),
}


@pytest.mark.parametrize("nodes", DOWN.values(), ids=DOWN)
@pytest.mark.parametrize("to", [11, 13, 17])
@pytest.mark.parametrize("opset", [20, 23])
def test_what_means_the_same_comes_down(nodes: tuple[str, ...], opset: int, to: int) -> None:
    """There is no adapter down for these, though their new versions only take more types."""
    text = f'<ir_version: 10, opset_import: ["": {opset}]> g (float[N, 3] X) => (float[N, 3] Z) {{ {" ".join(nodes)} }}'
    result = gru_lower.lower(onnx.parser.parse_model(text), opset=to)
    assert result.report.verification.status == "equivalent"
    onnx.checker.check_model(result.model, full_check=True)


def test_a_type_that_the_older_opset_lacks_does_not_come_down() -> None:
    text = '<ir_version: 10, opset_import: ["": 14]> g (int8[N] X) => (int8[N] Z) { Z = Add(X, X) }'
    with pytest.raises(gru_lower.Unsupported, match="No Adapter"):
        gru_lower.lower(onnx.parser.parse_model(text), opset=13)


@pytest.mark.parametrize("opset", [21, 23])
@pytest.mark.parametrize("to", [13, 17])
def test_a_new_model_comes_down_with_its_ir_version(opset: int, to: int) -> None:
    """A runtime that ends at an opset refuses the IR versions after it, so --opset alone would not help there."""
    case = old(opset)
    model = case.model()
    model.ir_version = 11
    lowered, _ = lower(model, f"convert-opset{{to={to}}},lower-gru")
    assert lowered.ir_version == onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", to)])
    onnx.checker.check_model(lowered, full_check=True)
    for name, value in run(lowered, case.feeds()).items():
        np.testing.assert_allclose(value, case.expected()[name], rtol=0, atol=2e-5)


def test_an_operator_that_came_later_is_named_with_the_way_out() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 11, opset_import: ["": 23]> g (float[3, 4] X, float[4] s) => (float[3, 4] Y)'
        " { Y = RMSNormalization (X, s) }"
    )
    with pytest.raises(gru_lower.Unsupported, match="RMSNormalization") as caught:
        lower(model, "convert-opset{to=17}")
    assert "23" in str(caught.value.hint)


@pytest.mark.parametrize(("to", "words"), [(0, "no opset 0"), (99, "no opset 99")])
def test_an_opset_that_does_not_exist(to: int, words: str) -> None:
    with pytest.raises(gru_lower.Unsupported) as caught:
        lower(old(12).model(), f"convert-opset{{to={to}}}")
    assert words in caught.value.message


def test_a_model_of_an_opset_to_come_is_not_converted() -> None:
    model = old(12).model()
    model.opset_import[0].version = 99
    with pytest.raises(gru_lower.Unsupported, match="is of opset 99"):
        lower(model, "convert-opset{to=17}")


def test_what_cannot_be_converted_is_refused_in_one_line() -> None:
    model = old(12).model()
    model.graph.node.append(onnx.helper.make_node("Upsample", ["Y"], ["Z"], mode="nearest"))
    model.graph.node[-1].op_type = "NoSuchOperator"
    with pytest.raises(gru_lower.Unsupported) as caught:
        lower(model, "convert-opset{to=17}")
    assert caught.value.code == "GL012"
    assert "\n" not in caught.value.message


def test_the_reference_agrees_with_itself_over_versions() -> None:
    """The operator's meaning has not changed between its versions: what is converted is its spelling."""
    case = old(3, sequence_lens=None, linear_before_reset=1)
    y, _ = reference.gru(case.X, case.W, case.R, case.B, initial_h=case.initial_h, linear_before_reset=1,
                         direction=case.attributes.get("direction", "forward"))  # fmt: skip
    np.testing.assert_allclose(case.expected()["Y"], y)


class TestExternalData:
    """What torch.onnx.export writes today: opset 18 or newer, weights in a file beside the model."""

    @pytest.mark.parametrize(("opset", "to"), [(18, 17), (20, 13), (23, 17), (11, 17), (12, 21), (7, 13)])
    @pytest.mark.parametrize("threshold", [0, 2000])
    def test_it_stays_where_it_is(self, opset: int, to: int, threshold: int, tmp_path: Path) -> None:
        case = old(opset, sequence_lens=None, constants=frozenset({"W", "R", "B"}), H=20, hidden_size=20, T=4, N=2, I=7)
        model = case.model()
        model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["Y", "axes"], ["Z"]))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "axes"))
        if opset < 13:  # axes are attributes there
            del model.graph.node[-1].input[1:]
            model.graph.node[-1].attribute.append(onnx.helper.make_attribute("axes", [0]))
        model.graph.output.append(onnx.ValueInfoProto(name="Z"))
        path = tmp_path / "m.onnx"
        onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=threshold)
        result = gru_lower.lower(path, opset=to)
        assert result.report.verification.status == "equivalent"
        result.save(tmp_path / "out.onnx")
        views = [tensor for tensor in tensors(result.held.proto) if tensor.data_location]
        locations = {entry.value for tensor in views for entry in tensor.external_data if entry.key == "location"}
        assert locations == {"m.data"}
        lowered = onnx.load(tmp_path / "out.onnx")
        onnx.checker.check_model(lowered, full_check=True)
        for name, value in case.expected().items():
            np.testing.assert_allclose(run(lowered, case.feeds())[name], value, rtol=0, atol=2e-5)

    def test_in_bodies_and_attributes_too(self, tmp_path: Path) -> None:
        """Two branches with constants of the same name, one an initializer, one a Constant node."""
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 18]> g (bool c, float[2, 3] x) => (float[2, 3] y) {'
            " y = If (c) <then_branch = t () => (float[2, 3] a) <float[2, 3] w> { a = Add (x, w) },"
            " else_branch = e () => (float[2, 3] b) { v = Constant <value = float[2, 3] {0, 1, 2, 3, 4, 5}> ()"
            "   b = Mul (x, v) }> }"
        )
        then, other = (model.graph.node[0].attribute[i].g for i in (0, 1))
        inside = np.arange(600, dtype=np.float32).reshape(2, 300)
        then.initializer.append(onnx.numpy_helper.from_array(inside[:, :3], "w"))
        beside = np.concatenate([inside[:, :3].ravel(), np.arange(6, dtype=np.float32)])
        (tmp_path / "d.bin").write_bytes(beside.tobytes())
        for tensor, offset in ((then.initializer[0], 0), (other.node[0].attribute[0].t, 24)):
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
            external_data.set_view(tensor, external_data.View("d.bin", offset, 24))
        path = tmp_path / "m.onnx"
        path.write_bytes(model.SerializeToString())
        held = gru_lower.lower(path, passes="convert-opset{to=17}", verify=False).held
        assert held.proto.opset_import[0].version == 17
        assert [tensor.data_location for tensor in tensors(held.proto)] == [TensorProto.EXTERNAL] * 2
        (tmp_path / "new.onnx").write_bytes(held.to_bytes())
        x = np.ones((2, 3), np.float32)
        session = onnxruntime.InferenceSession(tmp_path / "new.onnx")
        for chosen, value in ((1, 1 + inside[:, :3]), (0, np.arange(6).reshape(2, 3))):
            np.testing.assert_array_equal(session.run(None, {"c": np.array(chosen, np.bool_), "x": x})[0], value)


@pytest.mark.parametrize("to", [13, 17])
@pytest.mark.parametrize(
    ("node", "width"),
    [
        ("P, Q = Split <axis = 1, num_outputs = 2> (x)", 5),
        ("P, Q = Split <axis = -1, num_outputs = 2> (x)", 6),
        ("P, Q = Split <axis = 1> (x, lengths)", 5),
        ("P = Pad (x, pads) Q = Neg (x)", 5),
        ('P = Pad <mode = "edge"> (x, pads) Q = Neg (x)', 5),
    ],
)
def test_what_means_the_same_at_an_older_opset_is_written_there(node: str, width: int, to: int) -> None:
    """There is no adapter down for Split and Pad of opset 18, though mostly nothing has changed."""
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 18]> g (float[2, {width}] x) => (float[a, b] P, float[c, d] Q)'
        f" <int64[2] lengths = {{1, 4}}, int64[4] pads = {{0, 1, 2, 0}}> {{ {node} }}"
    )
    result = gru_lower.lower(model, passes=f"convert-opset{{to={to}}}").model
    assert result.opset_import[0].version == to
    onnx.checker.check_model(result, full_check=True)
    feeds = {"x": np.arange(2 * width, dtype=np.float32).reshape(2, width)}
    expected, found = run(model, feeds), run(result, feeds)
    for name in ("P", "Q"):
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("node", ['P = Pad <mode = "wrap"> (x, pads)', "P = Pad (x, pads, , axes)"])
def test_what_means_something_else_there_is_refused(node: str) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 19]> g (float[2, 5] x) => (float[a, b] P)'
        f" <int64[4] pads = {{0, 1, 2, 0}}, int64[2] axes = {{1, 0}}> {{ {node} }}"
    )
    with pytest.raises(gru_lower.Unsupported, match="onnx cannot convert the model") as caught:
        gru_lower.lower(model, passes="convert-opset{to=17}")
    assert "without that operator" in str(caught.value.hint)


LATER = {
    "LayerNormalization": ("Z = LayerNormalization (Y, one, one)", "float[4, 1, 2, 1] Z"),
    "Loop": (
        """Z = Loop (trips, , one) <body = b (int64 i, bool c, float[1] s) => (bool d, float[1] t)
            { d = Identity (c)  t = Add (s, s) }>""",
        "float[1] Z",
    ),
    "If": (
        """Z = If (yes) <then_branch = t () => (float[1] u) { u = Relu (one) },
            else_branch = e () => (float[1] v) { v = Tanh (one) }>""",
        "float[1] Z",
    ),
}


@pytest.mark.parametrize("op", LATER)
@pytest.mark.parametrize("to", [13, 15])
def test_an_operator_that_an_opset_has_not_yet(op: str, to: int) -> None:
    """What is said besides names an opset at which it can be converted."""
    nodes, output = LATER[op]
    model = onnx.parser.parse_model(f"""<ir_version: 10, opset_import: ["": 21]>
        g (float[4, 2, 2] X) => (float[4, 1, 2, 1] Y, {output}) <float[1, 3, 2] W = {{1, 2, 3, 1, 2, 3}},
            float[1, 3, 1] R = {{1, 2, 3}}, float[1] one = {{1}}, int64 trips = {{3}}, bool yes = {{1}}>
        {{ Y = GRU <hidden_size = 1> (X, W, R)  {nodes} }}""")
    with pytest.raises(gru_lower.Unsupported, match=op) as caught:
        gru_lower.lower(model, opset=to)
    named = re.search(r"opset=(\d+)", str(caught.value.hint))
    assert caught.value.code == "GL012"
    assert named is not None
    result = gru_lower.lower(model, opset=int(named[1]))
    assert result.report.verification.status == "equivalent"


def test_a_layout_is_not_taken_to_an_opset_without_one() -> None:
    case = random_case(np.random.default_rng(1), opset=17, dtype=np.float32, layout=1, static=True)
    for to in (11, 13):
        with pytest.raises(gru_lower.Unsupported, match="layout 1 cannot be written at opset") as caught:
            gru_lower.lower(case.model(), opset=to)
        assert "opset 14 or newer" in str(caught.value.hint)


def beside_the_gru(node: onnx.NodeProto, opset: int) -> onnx.ModelProto:
    """Return a model of a GRU with another node that reads X."""
    model = zoo.gru_model(initializers=zoo.weights().values(), opset=opset)
    model.graph.node.insert(0, node)
    return model


def test_what_only_the_newer_opset_looks_at_is_refused_and_not_written() -> None:
    """An axis beyond the rank: at opset 9 a runtime loads it, at 17 none does."""
    model = beside_the_gru(helper.make_node("Slice", ["X"], ["part"], axes=[13], starts=[0], ends=[1]), 9)
    with pytest.raises(Unsupported, match=r"at opset 17 the model contradicts itself: .*Slice") as refused:
        gru_lower.lower(model, opset=17, verify=False)
    assert refused.value.code == "GL012"


def test_what_is_merely_declared_otherwise_is_converted() -> None:
    model = beside_the_gru(helper.make_node("Slice", ["X"], ["part"], axes=[0], starts=[0], ends=[1]), 9)
    model.graph.value_info.append(helper.make_tensor_value_info("part", TensorProto.FLOAT, [7, 7]))
    assert gru_lower.lower(model, opset=17, verify=False).model.opset_import[0].version == 17


IMAGE = "(float[1, 2, 5, 8] x) => (float[1, 2, h, w] y) { s = Constant <value = float[4] {1.0, 1.0, %s}> () %s }"
FRAMES = "(float[2, 3, 4] x) => (float[2, 3, 4] y) { y = %s (x) }"
UPSAMPLE = (
    "(float[1, 2, 5, 8] x) => (float[a, b, c, d] y) { y = Upsample <mode = %s, scales = [1.0, 1.0, 1.5, 3.0]> (x) }"
)
MODES, AXES = ("linear", "nearest"), ("Softmax", "LogSoftmax", "Hardmax")
CHANGED = {
    **{
        f"Resize by {scales}, {mode}": (10, IMAGE % (scales, f'y = Resize <mode = "{mode}"> (x, s)'))
        for scales in ("2.0, 1.7", "0.7, 0.4", "1.0, 0.4")
        for mode in MODES
    },
    **{f"Upsample-9, {mode}": (9, IMAGE % ("1.5, 3.0", f'y = Upsample <mode = "{mode}"> (x, s)')) for mode in MODES},
    **{f"Upsample-7, {mode}": (7, UPSAMPLE % f'"{mode}"') for mode in MODES},
    **{f"{op} of {axis}": (11, FRAMES % f"{op} <axis = {axis}>") for op in AXES for axis in (0, 1, -1)},
    "Hardmax": (9, FRAMES % "Hardmax"),
}


@pytest.mark.parametrize(("opset", "text"), CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("to", [13, 17])
def test_what_changed_its_meaning_means_the_same_when_it_is_newer(opset: int, text: str, to: int) -> None:
    """The converter of onnx 1.23.2 leaves where a Resize reads, and along what a Hardmax works, to other defaults."""
    model = onnx.parser.parse_model(f'<ir_version: 4, opset_import: ["": {opset}]> g {text}')
    result = gru_lower.lower(model, passes=f"convert-opset{{to={to}}}", verify=False).model
    onnx.checker.check_model(result, full_check=True)
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    np.testing.assert_allclose(run(result, feeds)["y"], run(model, feeds)["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(("axis", "to"), [(2, 9), (None, 9), (0, 11), (1, 12), (2, 12), (-1, 11), (-2, 12), (None, 12)])
def test_what_changed_its_meaning_means_the_same_when_it_is_older(op: str, axis: int | None, to: int) -> None:
    """The converter of onnx 1.23.2 leaves the axis, from which on all axes count as one before opset 13."""
    text = FRAMES % (op if axis is None else f"{op} <axis = {axis}>")
    model = onnx.parser.parse_model(f'<ir_version: 7, opset_import: ["": 17]> g {text}')
    result = gru_lower.lower(model, passes=f"convert-opset{{to={to}}}", verify=False).model
    onnx.checker.check_model(result, full_check=True)
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)}
    np.testing.assert_allclose(run(result, feeds)["y"], run(model, feeds)["y"], rtol=1e-5, atol=1e-6)


def test_what_changed_its_meaning_is_written_in_bodies_too() -> None:
    resize = 's = Constant <value = float[4] {1.0, 1.0, 2.0, 2.0}> () %s = Resize <mode = "linear"> (x, s)'
    text = f"""g (bool c, float[1, 1, 3, 3] x) => (float[1, 1, 6, 6] y) {{ y = If (c) <
        then_branch = t () => (float[1, 1, 6, 6] a) {{ {resize % "a"} }},
        else_branch = e () => (float[1, 1, 6, 6] b) {{ {resize % "r"} b = Neg (r) }}> }}"""
    model = onnx.parser.parse_model(f'<ir_version: 5, opset_import: ["": 10]> {text}')
    result = gru_lower.lower(model, passes="convert-opset{to=13}", verify=False).model
    for chosen in (True, False):
        feeds = {"c": np.array(chosen), "x": np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)}
        np.testing.assert_allclose(run(result, feeds)["y"], run(model, feeds)["y"], rtol=1e-5)


BY_INPUT = "(float[1, 1, 3, 3] x, float[4] s) => (float[1, 1, h, w] y) { y = Resize (x, s) }"
POOL = "(float[1, 1, 9] x) => (float[1, 1, n] y) { y = AveragePool <kernel_shape = [2], dilations = [2]> (x) }"
SCAN = """(float[1, 3, 2] x, float[1, 2] h) => (float[1, 2] y) { y = Scan <num_scan_inputs = 1,
    body = b (float[2] s, float[2] f) => (float[2] t) { t = Add (s, f) }> ("", h, x) }"""
OF_SOME_RANK = "(float x) => (float y) { y = Softmax <axis = 1> (x) }"
UNSAID = {
    "longer and shorter": (
        10,
        13,
        IMAGE % ("2.0, 0.5", "y = Resize (x, s)"),
        "one axis longer and another one shorter",
    ),
    "scales that are not known": (10, 13, BY_INPUT, "scales are not known"),
    "an axis of an unknown rank": (17, 12, OF_SOME_RANK, "rank of its input"),
    "a batch of a Scan": (8, 11, SCAN, "a Scan of opset 8 runs over a batch"),
    "an attribute that is newer": (19, 17, POOL, "AveragePool has no dilations at opset 17"),
}


@pytest.mark.parametrize(("opset", "to", "text", "words"), UNSAID.values(), ids=UNSAID)
def test_what_the_other_opset_cannot_say_is_refused(opset: int, to: int, text: str, words: str) -> None:
    """The converter of onnx 1.23.2 leaves all of these as they are."""
    model = onnx.parser.parse_model(f'<ir_version: 5, opset_import: ["": {opset}]> g {text}')
    if "rank" in words:
        model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(Unsupported, match=words) as refused:
        gru_lower.lower(model, passes=f"convert-opset{{to={to}}}", verify=False)
    assert refused.value.code == "GL012"


def test_what_inference_alone_refuses_is_converted() -> None:
    """Strict inference of onnx 1.23.2 refuses each MeanVarianceNormalization of opset 13 that leaves its axes out."""
    text = "(float[1, 2, 3, 3] x) => (float[1, 2, 3, 3] y) { y = MeanVarianceNormalization (x) }"
    model = onnx.parser.parse_model(f'<ir_version: 5, opset_import: ["": 10]> g {text}')
    result = gru_lower.lower(model, passes="convert-opset{to=17}", verify=False).model
    feeds = {"x": np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)}
    np.testing.assert_allclose(run(result, feeds)["y"], run(model, feeds)["y"], rtol=1e-5)
