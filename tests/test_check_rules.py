"""The rules of check that need no target: what each finds, what it leaves alone, what its fix makes of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.checking.check_model import findings
from lowering import run
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.api.shared_options import Form
    from gru_lower.rewriting.result import Result
    from strategies import GruCase

PLAIN = {
    "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None, "T": 4,
    "sequence_lens": None, "constants": WEIGHTS, "hidden_size": 4, "H": 4, "initial_h": False, "bias": True, "N": 3,
    "direction": "forward", "linear_before_reset": 1, "outputs": ("Y", "Y_h"),
}  # fmt: skip
CLEAN_DATA = ("GL723", "GL724", "GL731", "GL732", "GL742")
"""Notes: what they tell need not be wrong."""


def case_of(**knobs: Any) -> GruCase:
    return random_case(np.random.default_rng(3), **{**PLAIN, **knobs})


def codes(model: Any, **more: Any) -> list[str]:
    return [found.code for found in gru_lower.check(model, **more).diagnostics]


def text(body: str, *, head: str = 'ir_version: 8, opset_import: ["": 17]', ends: str = "") -> onnx.ModelProto:
    ends = ends or "(float[5, N, 2] X) => (float[5, 1, N, 1] Y)"
    weights = "<float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}>"
    return onnx.parser.parse_model(f"<{head}> g {ends} {weights} {{ {body} }}")


def fixed(model: Any, code: str, *, unsafe: bool = False) -> Result[onnx.ModelProto]:
    """Mend one code, and see that nothing of it is left and that the model is as it was handed in."""
    held = model if isinstance(model, onnx.ModelProto) else onnx.load(model)
    before = held.SerializeToString(deterministic=True)
    result = gru_lower.fix(held, unsafe=unsafe, select=(code,))
    assert held.SerializeToString(deterministic=True) == before
    assert code not in codes(result.model)
    assert all(found.fix and found.fix.applied for found in result.report.diagnostics if found.code == code)
    onnx.checker.check_model(result.model, full_check=True)
    return result


def attribute(node: onnx.NodeProto, name: str) -> Any:
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), None)


# torch's nn.GRU


TORCH = "Y = GRU <hidden_size = 1> (X, W, R)"


@pytest.mark.parametrize(
    ("name", "head", "safe"),
    [
        ("[node_GRU_12] ", ', producer_name: "pytorch"', True),
        ("[node_gru__1] ", ', producer_name: "pytorch"', True),
        ("[GRU_21] ", ', producer_name: "pytorch"', True),
        ("[mine] ", ', producer_name: "pytorch"', False),
        ("", ', producer_name: "pytorch"', False),
        ("[node_GRU_12] ", "", None),
        ("[GRU_21] ", ', producer_name: "tf2onnx"', None),
    ],
)
def test_a_gru_is_taken_for_torchs_by_its_name_and_the_producer(*, name: str, head: str, safe: bool | None) -> None:
    model = text(name + TORCH, head='ir_version: 8, opset_import: ["": 17]' + head)
    found = [each.fix for each in gru_lower.check(model).diagnostics if each.code == "GL711"]
    assert [fix and fix.safe for fix in found] == ([] if safe is None else [safe])


def test_a_gru_is_taken_for_torchs_by_its_metadata() -> None:
    model = text(TORCH, head='ir_version: 10, opset_import: ["": 17]')
    assert "GL711" not in codes(model)
    entry = model.graph.node[0].metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.class_hierarchy", "['torch.nn.modules.rnn.GRU', 'aten.gru.input']"
    assert "GL711" in codes(model)


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("name", ["node_GRU_12", "GRU_21", "/decoder/GRU", "mine"])
@pytest.mark.parametrize(
    "attributes",
    [
        "linear_before_reset = 0",
        "linear_before_reset = 1",
        "clip = 3.0",
        'direction = "reverse"',
        'activations = ["Sigmoid", "Relu"]',
        'activations = ["HardSigmoid", "Tanh"]',
        'activations = ["Sigmoid", "Tanh"], activation_alpha = [0.5]',
        "layout = 1",
    ],
)
def test_what_nn_gru_cannot_be_is_right_as_it_is(*, attributes: str, name: str, metadata: bool) -> None:
    """Its name may be that of an operator of somebody's own: only what nn.GRU is exported as, less the attribute."""
    ends = "(float[N, 5, 2] X) => (float[N, 5, 1, 1] Y)" if "layout" in attributes else ""
    head = 'ir_version: 10, opset_import: ["": 17], producer_name: "pytorch"'
    model = text(f"Y = GRU <hidden_size = 1, {attributes}> (X, W, R)", head=head, ends=ends)
    model.graph.node[0].name = name
    if metadata:
        entry = model.graph.node[0].metadata_props.add()
        entry.key, entry.value = "pkg.torch.onnx.class_hierarchy", "['torch.nn.modules.rnn.GRU', 'aten.gru.input']"
    assert "GL711" not in codes(model)
    result = gru_lower.fix(model, unsafe=True, select=("GL711",))
    assert result.model.SerializeToString() == model.SerializeToString()


@pytest.mark.parametrize("attributes", ['direction = "forward"', 'activations = ["Sigmoid", "Tanh"], layout = 0'])
def test_what_torch_writes_beside_is_nn_gru(attributes: str) -> None:
    head = 'ir_version: 8, opset_import: ["": 17], producer_name: "pytorch"'
    model = text(f"[node_GRU_12] Y = GRU <hidden_size = 1, {attributes}> (X, W, R)", head=head)
    result = fixed(model, "GL711")
    assert attribute(result.model.graph.node[0], "linear_before_reset") == 1


@pytest.mark.parametrize(
    ("bias", "safe"),
    [
        ("0.1, 0.2, 0.3, 0.4, 0.5, 0.6", True),
        ("0.0, 0.0, 0.0, 0.0, 0.0, 0.0", True),
        ("0.1, 0.2, 0.3, 0.0, 0.0, 0.0", False),
    ],
)
def test_nn_gru_has_both_biases(*, bias: str, safe: bool) -> None:
    head = 'ir_version: 8, opset_import: ["": 17], producer_name: "pytorch"'
    body = f"B = Constant <value = float[1, 6] {{{bias}}}> () [GRU_12] Y = GRU <hidden_size = 1> (X, W, R, B)"
    found = [each.fix for each in gru_lower.check(text(body, head=head)).diagnostics if each.code == "GL711"]
    assert [fix and fix.safe for fix in found] == [safe]


@pytest.mark.parametrize("producer", ["", "onnx-optimizer", "gru-lower"])
def test_metadata_in_a_model_of_another_producer_is_no_proof(producer: str) -> None:
    model = text(TORCH, head=f'ir_version: 10, opset_import: ["": 17], producer_name: "{producer}"')
    entry = model.graph.node[0].metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.class_hierarchy", "['torch.nn.modules.rnn.GRU', 'aten.gru.input']"
    found = [each.fix for each in gru_lower.check(model).diagnostics if each.code == "GL711"]
    assert [fix and fix.safe for fix in found] == [False]


def test_mending_torchs_gru_says_that_it_computes_something_else() -> None:
    model = text("[node_GRU_1] " + TORCH, head='ir_version: 8, opset_import: ["": 17], producer_name: "pytorch"')
    result = fixed(model, "GL711")
    assert attribute(result.model.graph.node[0], "linear_before_reset") == 1
    verdict = result.report.verification
    assert (verdict.status, "on purpose" in verdict.message) == ("not_run", True)
    assert not result.model.graph.node[0].name.endswith("_1/")


def test_what_stays_equal_is_verified_beside_what_changes() -> None:
    model = text(
        "[node_GRU_1] Y = GRU (X, W, R)", head='ir_version: 8, opset_import: ["": 17], producer_name: "pytorch"'
    )
    report = gru_lower.fix(model, select=("GL711", "GL722")).report
    assert report.verification.status == "equivalent"
    assert "GL711" in report.verification.message


def test_torchs_exports_are_known_and_mended_to_what_torch_says(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "exports").glob("torch_*nngru*/model.onnx")):
        model = onnx.load(path)
        for node in model.graph.node:
            for place, each in reversed(list(enumerate(node.attribute))):
                if node.op_type == "GRU" and each.name == "linear_before_reset":
                    del node.attribute[place]
        count = sum(node.op_type == "GRU" for node in model.graph.node)
        found = gru_lower.check(model, select=("GL711",)).diagnostics
        assert [each.fix is not None and each.fix.safe for each in found] == [True] * count, path.parent.name
        seen += count
        result = gru_lower.fix(model, select=("GL711",))
        if path.parent.name.endswith(("bf16", "fp16")):
            continue
        io = np.load(path.parent / "io.npz")
        feeds = {name[4:]: io[name] for name in io.files if name.startswith("in__")}
        said = run(result.model, feeds)
        for name in io.files:
            if name.startswith("out__"):
                np.testing.assert_allclose(said[name[5:]], io[name], atol=1e-5)
    assert seen > 20


# Reshapes


@pytest.mark.parametrize(
    ("dims", "shape", "found"),
    [
        ("T, N", "5, -1, 1", True),
        ("T, N", "-1, 3, 1", False),
        ("T, N", "0, -1, 1", False),
        ("T, 3", "5, 3, 1", True),
        ("5, N", "5, -1, 1", False),
        ("T, 3", "-1, 3, 1", False),
        ("T, N", "-1, 1", False),
        ("5, N", "5, 2, 1", True),
    ],
)
def test_a_reshape_that_holds_a_length(*, dims: str, shape: str, found: bool) -> None:
    rank = shape.count(",") + 1
    model = text(
        f"shape = Constant <value_ints = [{shape}]> () Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"
        " Z = Reshape (Y, shape)",
        ends=f"(float[{dims}, 2] X) => (float[{', '.join('ABC'[:rank])}] Z)",
    )
    assert ("GL712" in codes(model)) == found


@pytest.mark.parametrize(("first", "found"), [("five", True), ("size", False)])
def test_a_reshape_to_a_shape_that_is_put_together(*, first: str, found: bool) -> None:
    model = text(
        "size = Shape <start = 0, end = 1> (X) five = Constant <value_ints = [5]> ()"
        f" rest = Constant <value_ints = [-1, 1]> () shape = Concat <axis = 0> ({first}, rest)"
        " Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R) Z = Reshape (Y, shape)",
        ends="(float[T, N, 2] X) => (float[A, B, C] Z)",
    )
    assert ("GL712" in codes(model)) == found


def test_a_reshape_elsewhere_is_nobodys_business() -> None:
    model = text(
        "shape = Constant <value_ints = [7, 1]> () Z = Reshape (A, shape)"
        " Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)",
        ends="(float[5, N, 2] X, float[M, 1] A) => (float[5, 1, N, 1] Y, float[7, 1] Z)",
    )
    assert not codes(model)


# States and weights


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ([[0.1], [0.2], [0.3]], True),
        ([[0.1], [0.1], [0.1]], False),
        ([[0.0], [0.0], [0.0]], False),
    ],
)
def test_a_state_that_differs_from_sequence_to_sequence(*, state: list[list[float]], found: bool) -> None:
    model = text(
        "Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R, , , h)",
        ends="(float[5, 3, 2] X) => (float[5, 1, 3, 1] Y)",
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([state], np.float32), "h"))
    assert ("GL713" in codes(model)) == found


def test_weights_that_are_inputs() -> None:
    model = case_of(constants=frozenset()).model()
    (found,) = (each for each in gru_lower.check(model).diagnostics if each.code == "GL714")
    assert found.message == "W, R and B are inputs of the model"
    assert found.fix is None


def test_weights_that_may_be_overridden() -> None:
    case = case_of()
    model = case.model()
    graph = model.graph
    graph.input.extend(
        helper.make_tensor_value_info(each.name, each.data_type, each.dims) for each in graph.initializer
    )
    result = fixed(model, "GL714", unsafe=True)
    assert [each.name for each in result.model.graph.input] == ["X"]
    assert result.report.verification.status == "equivalent"
    assert codes(gru_lower.fix(model).model).count("GL714") == 1


def test_old_models_list_every_initializer_and_are_not_to_blame() -> None:
    model = case_of(opset=8).model()
    model.ir_version = 3
    graph = model.graph
    names = {each.name for each in graph.input}
    graph.input.extend(
        helper.make_tensor_value_info(each.name, each.data_type, each.dims)
        for each in graph.initializer
        if each.name not in names
    )
    assert "GL714" not in codes(model)


# What nothing uses, and what is computed twice


TWO = "Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"


def test_a_gru_that_nothing_uses_goes() -> None:
    model = text(TWO + ' other = GRU <hidden_size = 1, linear_before_reset = 1, direction = "reverse"> (X, W, R)')
    result = fixed(model, "GL716")
    assert [node.output[0] for node in result.model.graph.node] == ["Y"]
    assert result.report.verification.status == "equivalent"


def test_a_gru_of_which_only_the_shape_is_used_goes_where_the_shape_is_known() -> None:
    ends = "(float[5, N, 2] X, float[N, 1] A) => (float[5, 1, N, 1] Y, int64[3] S)"
    model = text(
        TWO + " other, last = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R) S = Shape (last)", ends=ends
    )
    found = [each for each in gru_lower.check(model).diagnostics if each.code == "GL716"]
    assert [each.fix for each in found] == [None]
    more = ends.replace("float[N, 1] A", "float[1, N, 1] A")
    model = text(
        TWO + " other, last = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R) S = Shape (last)", ends=more
    )
    result = fixed(model, "GL716")
    assert [node.op_type for node in result.model.graph.node] == ["GRU", "Shape"]
    assert result.report.verification.status == "equivalent"


def test_cells_that_keras_runs_once_by_themselves(shared: Path) -> None:
    names = {
        "keras_tf__gru_mask_left": 1, "keras_tf__gru_masking_layer": 1, "keras_torch__gru_resetbefore_relu_hs": 1,
        "keras_torch__rnn_stacked_grucells": 1, "tf2onnx_tfkeras2__gru_mask": 1, "keras_tf__gru_dynT": 0,
    }  # fmt: skip
    for name, count in names.items():
        assert codes(shared / "exports" / name / "model.onnx", select=("GL716",)) == ["GL716"] * count, name
    path = shared / "exports" / "keras_torch__gru_resetbefore_relu_hs" / "model.onnx"
    result = fixed(path, "GL716")
    assert result.report.verification.status == "equivalent"
    assert result.report.op_counts["after"]["Relu"] == result.report.op_counts["before"]["Relu"] - 1


def test_dead_nodes_that_are_no_cell_are_nobodys_business() -> None:
    assert not codes(text(TWO + " a = Sigmoid (X) b = Tanh (a) c = Add (b, a)"))


def test_a_cell_in_a_model_for_training_may_be_needed() -> None:
    model = text(TWO + " other = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)")
    model.training_info.add()
    assert "GL716" not in codes(model)


def test_the_same_gru_twice_is_computed_once() -> None:
    model = text(
        "Y, a = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R)"
        " b, H = GRU <linear_before_reset = 1, hidden_size = 1> (X, V, R)",
        ends="(float[5, N, 2] X) => (float[5, 1, N, 1] Y, float[1, N, 1] H)",
    )
    same = next(each for each in model.graph.initializer if each.name == "W")
    model.graph.initializer.add().CopyFrom(same)
    model.graph.initializer[-1].name = "V"
    result = fixed(model, "GL717")
    assert [node.op_type for node in result.model.graph.node] == ["GRU", "Identity"]
    assert result.report.verification.status == "equivalent"
    numbers = numpy_helper.to_array(same).copy()
    numbers[0, 0, 0] += 1
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(numbers, "V"))
    assert "GL717" not in codes(model)


# Attributes


def test_a_missing_hidden_size_is_written() -> None:
    case = case_of(hidden_size=None)
    result = fixed(case.model(), "GL722")
    assert attribute(result.model.graph.node[0], "hidden_size") == 4
    assert result.report.verification.status == "equivalent"
    np.testing.assert_allclose(run(result.model, case.feeds())["Y"], case.expected()["Y"], atol=1e-5)


@pytest.mark.parametrize("initial_h", [False, True])
def test_layout_1_becomes_layout_0(*, initial_h: bool) -> None:
    case = case_of(layout=1, initial_h=initial_h)
    result = fixed(case.model(), "GL721")
    assert not attribute(next(node for node in result.model.graph.node if node.op_type == "GRU"), "layout")
    assert result.report.verification.status == "equivalent"
    np.testing.assert_allclose(run(result.model, case.feeds())["Y"], case.expected()["Y"], atol=1e-5)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.UINT8])
@pytest.mark.parametrize("constant", [False, True])
def test_lengths_of_another_whole_type_are_cast_to_int32(kind: int, *, constant: bool) -> None:
    case = case_of(sequence_lens=(4, 0, 2), constants=WEIGHTS | ({"sequence_lens"} if constant else set()))
    model, dtype = case.model(), helper.tensor_dtype_to_np_dtype(kind)
    for value in model.graph.input:
        if value.name == "sequence_lens":
            value.type.tensor_type.elem_type = kind
    for tensor in model.graph.initializer:
        if tensor.name == "sequence_lens":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(dtype), tensor.name))
    finding = gru_lower.check(model, select=("GL109",)).diagnostics[0]
    assert "int32" in str(finding.hint)
    result = fixed(model, "GL109")
    feeds = {key: array.astype(dtype) if key == "sequence_lens" else array for key, array in case.feeds().items()}
    np.testing.assert_allclose(run(result.model, feeds)["Y"], case.expected()["Y"], atol=1e-5)
    assert constant or [node.op_type for node in result.model.graph.node] == ["Cast", "GRU"]


def test_surplus_parameters_are_dropped() -> None:
    model = case_of().model()
    model.graph.node[0].attribute.append(helper.make_attribute("activation_alpha", [0.5, 0.25]))
    result = fixed(model, "GL105")
    assert attribute(result.model.graph.node[0], "activation_alpha") is None
    assert result.report.verification.status == "equivalent"


def test_ambiguous_defaults_are_written_out_as_onnxruntime_takes_them() -> None:
    case = case_of(activations=["Sigmoid", "ThresholdedRelu"])
    result = fixed(case.model(), "GL201")
    assert attribute(result.model.graph.node[0], "activation_alpha") == [0.0]
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("clip", [0.0, -1.0])
def test_a_clip_that_is_none_is_removed_unsafely(clip: float) -> None:
    model = case_of(clip=1.0).model()
    next(each for each in model.graph.node[0].attribute if each.name == "clip").f = clip
    assert codes(gru_lower.fix(model).model) == ["GL106"]
    result = fixed(model, "GL106", unsafe=True)
    assert attribute(result.model.graph.node[0], "clip") is None
    assert "GL106" in result.report.verification.message


def test_bfloat16_gets_an_opset_that_has_it() -> None:
    model = text(
        "Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, A, B)",
        ends="(bfloat16[5, N, 2] X, bfloat16[1, 3, 2] A, bfloat16[1, 3, 1] B) => (bfloat16[5, 1, N, 1] Y)",
    )
    result = fixed(model, "GL203", unsafe=True)
    assert result.model.opset_import[0].version == 22


# onnxruntime


SCAN = """Last, Y = Scan <num_scan_inputs = 1, body = step (float[N, 2] before, float[N, 2] x)
    => (float[N, 2] {0}, float[N, 2] {1}) {{ after = Add (before, x) more = Add (after, x) }}> (h, A)"""
SCAN_ENDS = "(float[N, 2] h, float[5, N, 2] A) => (float[N, 2] Last, float[5, N, 2] Y)"


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (("after", "after"), 1),
        (("after", "x"), 1),
        (("after", "before"), 1),
        (("before", "before"), 2),
        (("after", "more"), 0),
    ],
)
def test_scan_outputs_that_onnxruntime_corrupts(outputs: tuple[str, str], found: int) -> None:
    model = text(SCAN.format(*outputs), ends=SCAN_ENDS)
    assert codes(model) == ["GL725"] * found
    if found:
        result = fixed(model, "GL725")
        rng = np.random.default_rng(0)
        h, A = (rng.normal(size=size).astype(np.float32) for size in ((3, 2), (5, 3, 2)))
        states = {"before": h}
        rows = []
        for x in A:
            after = states["before"] + x
            step = {"x": x, "after": after, "more": after + x, "before": states["before"]}
            rows.append(step[outputs[1]])
            states["before"] = step[outputs[0]]
        said = run(result.model, {"h": h, "A": A})
        np.testing.assert_allclose(said["Y"], np.stack(rows), rtol=1e-6)
        np.testing.assert_allclose(said["Last"], states["before"], rtol=1e-6)


@pytest.mark.parametrize(
    ("knobs", "labels"),
    [
        ({}, []),
        ({"clip": 0.5}, ["CUDA", "DirectML"]),
        ({"linear_before_reset": 0}, ["CUDA"]),
        ({"activations": ["Sigmoid", "Relu"]}, ["CUDA"]),
        ({"opset": 22, "clip": 0.5}, []),
    ],
)
def test_what_other_providers_drop(knobs: dict[str, Any], labels: list[str]) -> None:
    report = gru_lower.check(case_of(**knobs).model(), select=("GL723",))
    assert [each.message.split(" provider")[0].split()[-1] for each in report.diagnostics] == labels
    assert not findings(report)


@pytest.mark.parametrize(("opset", "found"), [(17, []), (21, []), (22, ["GL724"]), (23, ["GL724"])])
def test_opset_22_has_no_kernel_elsewhere(opset: int, found: list[str]) -> None:
    assert codes(case_of(opset=opset).model()) == found


# Decomposed GRUs


@pytest.mark.parametrize("form", ["scan packing=plain", "loop packing=plain", "unroll"])
def test_a_decomposed_gru_could_be_fused(form: str) -> None:
    lowered = gru_lower.lower(case_of().model(), passes=f"lower-gru{{form={form}}}", verify=False).model
    assert codes(lowered) == ["GL731"]
    assert codes(gru_lower.fix(lowered).model) == ["GL731"]
    result = fixed(lowered, "GL731", unsafe=True)
    assert result.report.verification.status == "equivalent"
    assert sum(node.op_type == "GRU" for node in result.model.graph.node) == 1


def lowered_elsewhere(
    form: str, *, biases: str = "apart", lost: bool = True, hidden: int = 4
) -> tuple[onnx.ModelProto, dict[str, np.ndarray[Any, Any]]]:
    """Write a GRU that resets before the product, as other tools lower it.

    Args:
        form: "scan" or "unroll".
        biases: "apart" for a vector each, "summed" for their sums beside B.
        lost: Whether the candidate goes without Rbh.
        hidden: H.

    """
    rng = np.random.default_rng(5)
    H, I, T = hidden, 3, 4
    held = {f"{m}{k}": rng.normal(size=(n, H)).astype(np.float32) for m, n in (("W", I), ("R", H)) for k in "zrh"}
    parts = {f"{m}b{k}": rng.normal(size=H).astype(np.float32) for m in "WR" for k in "zrh"}
    if biases == "apart":
        held |= parts
        added = {k: [f"Wb{k}", f"Rb{k}"] for k in "zrh"}
    else:
        held |= {f"b{k}": parts[f"Wb{k}"] + parts[f"Rb{k}"] for k in "zrh"} | {"Wbh": parts["Wbh"]}
        held["B"] = np.concatenate([parts[f"{m}b{k}"] for m in "WR" for k in "zrh"])[None]
        added = {k: [f"b{k}"] for k in "zrh"}
    if lost:
        added["h"] = ["Wbh"]
    held["one"] = np.ones(1, np.float32)
    nodes: list[onnx.NodeProto] = []

    def put(op: str, *inputs: str) -> str:
        nodes.append(helper.make_node(op, list(inputs), [f"v{len(nodes)}"]))
        return str(nodes[-1].output[0])

    def step(x: str, h: str) -> str:
        def gate(k: str, state: str) -> str:
            total = put("Add", put("MatMul", x, f"W{k}"), put("MatMul", state, f"R{k}"))
            for bias in added[k]:
                total = put("Add", total, bias)
            return total

        z, r = put("Sigmoid", gate("z", h)), put("Sigmoid", gate("r", h))
        c = put("Tanh", gate("h", put("Mul", r, h)))
        return put("Add", put("Mul", put("Sub", "one", z), c), put("Mul", z, h))

    def info(name: str, *dims: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)

    held["h0"] = np.zeros((2, H), np.float32)
    if form == "unroll":
        h = "h0"
        for t in range(T):
            h = step(f"x{t}", h)
        inputs, output = [info(f"x{t}", 2, I) for t in range(T)], info(h, 2, H)
    else:
        after = step("x", "h")
        nodes.append(helper.make_node("Identity", [after], ["y"]))
        body = helper.make_graph(
            list(nodes), "step", [info("h", 2, H), info("x", 2, I)], [info(after, 2, H), info("y", 2, H)]
        )
        nodes[:] = [helper.make_node("Scan", ["h0", "X"], ["", "Y"], num_scan_inputs=1, body=body)]
        inputs, output = [info("X", T, 2, I)], info("Y", T, 2, H)
    tensors = [numpy_helper.from_array(value, name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "g", inputs, [output], tensors)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), held


@pytest.mark.parametrize("biases", ["apart", "summed"])
@pytest.mark.parametrize("form", ["scan", "unroll"])
def test_a_lost_recurrent_bias_is_seen_by_the_algebra(form: str, biases: str) -> None:
    model, _ = lowered_elsewhere(form, biases=biases)
    assert "GL715" in codes(model)


@pytest.mark.parametrize("form", ["scan", "unroll"])
def test_one_bias_for_each_gate_is_no_loss(form: str) -> None:
    model, held = lowered_elsewhere(form, biases="summed")
    place = next(i for i, each in enumerate(model.graph.initializer) if each.name == "B")
    del model.graph.initializer[place]
    assert held["B"].size
    assert "GL715" not in codes(model)


@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
def test_gru_lowers_own_forms_have_lost_nothing(form: Form, linear_before_reset: int) -> None:
    model = case_of(linear_before_reset=linear_before_reset).model()
    assert "GL715" not in codes(gru_lower.lower(model, form=form, verify=False).model)


# All of them


@pytest.mark.parametrize("seed", range(24))
def test_whatever_is_mended_computes_the_same_and_is_not_found_again(seed: int) -> None:
    model = random_case(np.random.default_rng(seed), dtype=np.float32, scale=0.5).model()
    result = gru_lower.fix(model, cases=1)
    assert result.report.verification.status in ("equivalent", "not_run"), result.report.verification.message
    left = [each for each in gru_lower.check(result.model).diagnostics if each.fix is not None and each.fix.safe]
    assert not left
    again = gru_lower.fix(result.model, cases=1)
    assert again.held.to_bytes() == result.held.to_bytes()


def test_an_intact_export_is_clean(shared: Path) -> None:
    """What is found in real exports was looked at one by one; anything else is a false alarm."""
    known = {
        "torch_dynamo__nngru_bf16": ["GL203"], "keras_tf__gru_stateful": ["GL713"],
        "tf2onnx__hand_while_weights_as_inputs": ["GL714"], "keras_tf__gru_mask_left": ["GL716"],
        "keras_tf__gru_masking_layer": ["GL716"], "keras_torch__gru_resetbefore_relu_hs": ["GL716"],
        "keras_torch__rnn_stacked_grucells": ["GL716"], "tf2onnx_tfkeras2__gru_mask": ["GL716"],
        "sleepecg_ws_gru_mesa_default": ["GL716", "GL716"], "paddle__gru_2layer_bidir": ["GL738"],
        "aecmos_Run_1663829550_Stage_0": ["GL735", "GL735"],
        "keras_tf__hand_ops_scan": ["GL741", "GL741", "GL740", "GL740"],
        "tf2onnx__v1_dynamic_rnn_gru_disabled": ["GL741", "GL741"],
        "tf2onnx__v1_dynamic_rnn_gru_seqlen": ["GL741", "GL741"],
    }  # fmt: skip
    found: dict[str, list[str]] = {}
    for path in sorted([*(shared / "exports").glob("*/model.onnx"), *(shared / "models").glob("*/model.onnx")]):
        said = codes(path, ignore=CLEAN_DATA)
        if said:
            found[path.parent.name] = said
    assert found == known


def test_negatives_are_no_decomposed_grus(shared: Path) -> None:
    rows = [line.split("\t") for line in (shared / "exports" / "index.tsv").read_text(encoding="utf-8").splitlines()]
    for name in [row[0] for row in rows if row[1] == "negative"]:
        assert not codes(shared / "exports" / name / "model.onnx"), name


# What is asked for


def test_codes_are_selected_and_ignored_by_their_beginnings() -> None:
    model = case_of(hidden_size=None, layout=1, linear_before_reset=0).model()
    assert codes(model) == ["GL722", "GL721", "GL723"]
    assert codes(model, select=("GL72",), ignore=("GL723",)) == ["GL722", "GL721"]
    assert codes(model, select=("GL722",)) == ["GL722"]
    with pytest.raises(gru_lower.Unsupported, match="there is no code 'GL999'"):
        codes(model, select=("GL999",))


def test_only_what_is_selected_is_mended() -> None:
    model = case_of(hidden_size=None, layout=1).model()
    result = gru_lower.fix(model, select=("GL722",))
    assert codes(result.model) == ["GL721"]
