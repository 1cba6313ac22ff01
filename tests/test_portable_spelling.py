"""The spelling that most runtimes and tools take: what `--vocabulary minimal` and `--target portable` write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.graph.scopes import walk
from gru_lower.targets import read_profile
from lowering import hold, lower
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strategies import GruCase

ONE_SPELLING = ("portable", "ncnn", "opencv4", "onnxruntime-coreml", "onnxruntime-webgpu")

BATCH = 7


def plain(**knobs: object) -> GruCase:
    return random_case(
        np.random.default_rng(5), **{
            "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None,
            "sequence_lens": None, "constants": WEIGHTS, "T": 5, "N": BATCH, "H": 4, "hidden_size": 4, "bias": True,
            "initial_h": False, "linear_before_reset": 1, "nan_padding": False, "direction": None, **knobs,
        },
    )  # fmt: skip


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    return (node for scope in walk(model) for node in scope.nodes)


def assert_spelled(model: onnx.ModelProto) -> None:
    """Hold a model to the spelling."""
    constants = {tensor.name for scope in walk(model) for tensor in scope.initializers.values()}
    values = {tensor.name: tensor for scope in walk(model) for tensor in scope.initializers.values()}
    products = {node.output[0] for node in nodes(model) if node.op_type == "MatMul"}
    for node in nodes(model):
        assert node.op_type not in ("GRU", "Gemm", "Split"), node.op_type
        assert len(node.input) <= 7, node
        assert len(node.output) <= 7, node
        if node.op_type == "Add" and not constants.intersection(node.input):
            assert node.input[0] not in products, "Add(product, Xz) is folded into a Gemm with a computed C"
        if node.op_type == "Slice" and len(node.input) > 4:
            assert (np.frombuffer(values[node.input[4]].raw_data, np.int64) > 0).all()


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("direction", [None, "reverse", "bidirectional"])
@pytest.mark.parametrize("form", ["unroll", "scan", "loop"])
def test_the_minimal_vocabulary(lbr: int, direction: str | None, form: str) -> None:
    case = plain(linear_before_reset=lbr, direction=direction, T=9, initial_h=direction is not None)
    lowered, _ = lower(case.model(), f"lower-gru{{form={form},vocabulary=minimal}}")
    assert_spelled(lowered)
    hold(case, lowered)


@pytest.mark.parametrize("target", ONE_SPELLING)
@pytest.mark.parametrize("length", [1, 5, 60])
def test_targets_that_are_written_for_so(target: str, length: int) -> None:
    case = plain(T=length, initial_h=True, opset=min(17, read_profile.load(target).opset[1]))
    lowered, _ = lower(case.model(), f"lower-gru{{form=unroll,vocabulary={read_profile.load(target).vocabulary}}}")
    assert_spelled(lowered)
    hold(case, lowered)


@pytest.mark.parametrize(
    "knobs", [{"activations": ["Sigmoid", "Elu"]}, {"clip": 0.5}, {"activations": ["Relu", "Tanh"]}]
)
def test_other_functions_and_clip_are_spelled_so_for_portable_too(knobs: dict[str, object]) -> None:
    case = plain(**knobs)
    result = gru_lower.lower(case.model(), target="portable")
    assert_spelled(result.model)
    hold(case, result.model)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("steps", ["auto", "gather"])
@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("direction", [None, "reverse", "bidirectional"])
@pytest.mark.parametrize("length", [1, 4])
def test_states_of_two_or_three_axes(rank: int, steps: str, layout: int, direction: str | None, length: int) -> None:
    options = f"form=unroll,vocabulary=minimal,state_rank={rank},steps={steps}"
    for initial_h, batch in ((False, BATCH), (True, BATCH), (True, 1)):
        case = plain(layout=layout, direction=direction, T=length, initial_h=initial_h, N=batch)
        for model in (case.model(), with_open_batch(case.model())):
            lowered, _ = lower(model, f"lower-gru{{{options}}}")
            assert_spelled(lowered)
            hold(case, lowered)
            indices = {
                tensor.data_type
                for node in nodes(lowered)
                if node.op_type == "Gather"
                for tensor in lowered.graph.initializer
                if tensor.name == node.input[1]
            }
            assert steps == "auto" or indices <= {onnx.TensorProto.INT32}
            if layout and rank == 2:
                assert not any(node.op_type == "Transpose" for node in nodes(lowered))


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("layout", [0, 1])
def test_a_step_without_biases_adds_no_two_products(lbr: int, layout: int) -> None:
    case = plain(T=1, bias=False, initial_h=True, linear_before_reset=lbr, layout=layout)
    lowered, _ = lower(case.model(), "lower-gru{vocabulary=minimal}")
    assert_spelled(lowered)
    hold(case, lowered)


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize("knobs", [{}, {"direction": "bidirectional", "initial_h": True}, {"constants": frozenset()}])
@pytest.mark.parametrize("form", ["unroll", "scan"])
def test_a_split_has_its_lengths(opset: int, knobs: dict[str, object], form: str, *, open_batch: bool) -> None:
    """Without them some tools cut in halves, whatever the number of outputs."""
    case = plain(opset=opset, **knobs)
    model = with_open_batch(case.model()) if open_batch else case.model()
    lowered, _ = lower(model, f"lower-gru{{form={form}}}")
    splits = [node for node in nodes(lowered) if node.op_type == "Split"]
    assert splits or form == "scan"
    for node in splits:
        assert len(node.input) == 2
        assert not any(attribute.name == "num_outputs" for attribute in node.attribute)
    hold(case, lowered)


def test_targets_get_no_split_with_lengths_that_are_computed() -> None:
    """Few runtimes take one."""
    case = plain()
    result = gru_lower.lower(with_open_batch(case.model()), target="tinygrad", form="unroll", verify=False)
    assert not any(node.op_type == "Split" for node in nodes(result.model))
    hold(case, result.model)


@pytest.mark.parametrize("knobs", [{}, {"direction": "bidirectional", "initial_h": True}, {"linear_before_reset": 0}])
def test_a_model_of_float16_stays_one(knobs: dict[str, object]) -> None:
    """Runtimes that take the rest of it take these steps."""
    case = plain(dtype=np.float16, **knobs)
    result = gru_lower.lower(case.model(), target="portable")
    assert result.report.verification.status == "equivalent"
    assert_spelled(result.model)
    assert not any(node.op_type == "Cast" for node in nodes(result.model))
    hold(case, result.model)


@pytest.mark.parametrize("target", ["portable", "ncnn"])
@pytest.mark.parametrize("lens", [(4, 0, 3, 5, 5, 1, 2), (3,) * BATCH, (5, 5, 4, 4, 2, 1, 0)], ids=str)
@pytest.mark.parametrize("knobs", [{}, {"direction": "bidirectional"}, {"initial_h": True}, {"layout": 1}], ids=str)
def test_rows_within_constant_lengths_are_cut_not_gathered(
    target: str, lens: tuple[int, ...], knobs: dict[str, object]
) -> None:
    """Of a Gather of rows ncnn computes something else, and says nothing."""
    case = plain(sequence_lens=lens, constants=WEIGHTS | {"sequence_lens"}, **knobs)
    model = gru_lower.lower(case.model(), target=target).model
    assert_spelled(model)
    assert "Gather" not in {node.op_type for node in nodes(model)}
    hold(case, model)


@pytest.mark.parametrize("target", ["portable", "ncnn"])
@pytest.mark.parametrize(("features", "products"), [(1, 0), (3, 3)])
@pytest.mark.parametrize("lbr", [0, 1])
def test_a_state_of_one_entry_is_multiplied_with_its_weight(
    target: str, features: int, products: int, lbr: int
) -> None:
    """Of a MatMul with a matrix of one entry pnnx makes what ncnn has no layer for."""
    case = plain(I=features, H=1, hidden_size=1, linear_before_reset=lbr)
    model = gru_lower.lower(case.model(), target=target).model
    assert sum(node.op_type == "MatMul" for node in nodes(model)) == products
    hold(case, model)


def with_open_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give the batch of a case's model, which no other dim is as long as, a symbol."""
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value == BATCH:
                dim.dim_param = "N"
    return model


@pytest.mark.parametrize("options", ["state_rank=2", "state_rank=3", "steps=gather"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("direction", [None, "reverse", "bidirectional"])
def test_what_is_written_so_is_fused_again(options: str, direction: str | None, *, batch_first: bool) -> None:
    case = plain(direction=direction, outputs=("Y", "Y_h"))
    model = case.model()
    if batch_first:
        model.graph.node.insert(0, onnx.helper.make_node("Transpose", ["X_first"], ["X"], perm=[1, 0, 2]))
        t, n, i = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
        model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("X_first", onnx.TensorProto.FLOAT, [n, t, i]))
    lowered, _ = lower(model, f"lower-gru{{form=unroll,vocabulary=minimal,{options}}}")
    fused = gru_lower.fuse(lowered, verify=False).model
    assert sum(node.op_type == "GRU" for node in nodes(fused)) == 1
    assert not {"MatMul", "Sigmoid"} & {node.op_type for node in nodes(fused)}
