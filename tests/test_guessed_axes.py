"""Targets that tell axes by their lengths, as onnx2tf does: what is written for them holds no axis that is mistaken."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.graph.scopes import walk
from lowering import hold
from strategies import WEIGHTS, GruCase, random_case

ALIKE = [(4, 4, 3), (4, 3, 3), (3, 4, 3), (3, 3, 3), (5, 3, 2)]
"""T, B and I."""


def case(sizes: tuple[int, int, int], **knobs: object) -> GruCase:
    length, batch, width = sizes
    return random_case(
        np.random.default_rng(7), **{
            "opset": 17, "dtype": np.float32, "static": True, "layout": 1, "activations": None, "clip": None,
            "sequence_lens": None, "constants": WEIGHTS, "T": length, "N": batch, "I": width, "H": 4, "hidden_size": 4,
            "bias": True, "initial_h": False, "linear_before_reset": 1, "nan_padding": False, "direction": None,
            "outputs": ("Y", "Y_h"), **knobs,
        },
    )  # fmt: skip


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for scope in walk(model) for node in scope.nodes]


LENGTHS: dict[str, dict[str, object]] = {
    "none": {},
    "given": {"sequence_lens": "ragged"},
    "zero": {"sequence_lens": "zero", "initial_h": True},
}


@pytest.mark.parametrize("target", ["onnx2tf", "vela"])
@pytest.mark.parametrize("lengths", [*LENGTHS, "constant"])
@pytest.mark.parametrize("direction", [None, "bidirectional"])
@pytest.mark.parametrize("sizes", ALIKE)
def test_no_transpose(sizes: tuple[int, int, int], direction: str | None, lengths: str, target: str) -> None:
    """A Transpose of axes of one length is lost there, and so is what stands behind it."""
    constants = WEIGHTS | {"sequence_lens"} if lengths == "constant" else WEIGHTS
    knobs = LENGTHS.get(lengths, {"sequence_lens": "ragged", "initial_h": True})
    made = case(sizes, direction=direction, constants=constants, **knobs)
    lowered = gru_lower.lower(made.model(), target=target, verify=False).model
    assert not {"GRU", "Transpose"} & set(operators(lowered))
    hold(made, lowered)


def batch_first(sizes: tuple[int, int, int], before: str = "") -> onnx.ModelProto:
    """Return a layer as torch writes a batch-first one, something computed before it."""
    length, batch, width = sizes
    rng = np.random.default_rng(3)
    tensors = {"W": (1, 12, width), "R": (1, 12, 4), "B": (1, 24)}
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[{batch}, {length}, {width}] X) => (float[{batch}, {length}, 4] out)
        <int64[1] one = {{1}}> {{ {before or "Z = Identity (X)"}
            XT = Transpose <perm = [1, 0, 2]> (Z)  Y, Yh = GRU <hidden_size = 4> (XT, W, R, B)
            S = Squeeze (Y, one)  out = Transpose <perm = [1, 0, 2]> (S) }}"""
    )
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(rng.uniform(-0.6, 0.6, shape).astype(np.float32), name)
        for name, shape in tensors.items()
    )
    return model


def test_a_batch_first_layer_with_as_many_steps_as_sequences_is_lowered() -> None:
    """Its own Transposes would be lost around the node; where they are not, the node is left to the target."""
    lost = gru_lower.lower(batch_first((4, 4, 3)), target="onnx2tf")
    assert lost.report.verification.status == "equivalent"
    assert not {"GRU", "Transpose"} & set(operators(lost.model))
    assert "GRU" in operators(gru_lower.lower(batch_first((5, 4, 3)), target="onnx2tf").model)
    (found,) = [each for each in gru_lower.check(batch_first((4, 4, 3)), target="onnx2tf").diagnostics
                if each.code == "GL701"]  # fmt: skip
    assert "T and B are both 4" in found.message


def test_an_x_that_is_computed_is_multiplied_before_it_is_reshaped() -> None:
    """With T = I, a Reshape of it reads it with these axes exchanged."""
    model = batch_first((4, 4, 4), "two = Constant <value_float = 2.0> ()  Z = Mul (X, two)")
    result = gru_lower.lower(model, target="onnx2tf")
    assert result.report.verification.status == "equivalent"
    reads = [node.op_type for node in result.model.graph.node if "Z" in node.input]
    assert set(reads) == {"MatMul"}


def test_weights_that_are_computed_are_turned_by_gemm() -> None:
    """A Transpose of a square matrix is lost, too."""
    made = case((5, 3, 4), constants=frozenset())
    lowered = gru_lower.lower(made.model(), target="onnx2tf", verify=False).model
    assert not {"GRU", "Transpose"} & set(operators(lowered))
    hold(made, lowered)


def test_computed_weights_without_gemm_are_refused() -> None:
    made = case((5, 3, 4), constants=frozenset())
    with pytest.raises(gru_lower.Remaining):
        gru_lower.lower(made.model(), target="onnx2tf", vocabulary="minimal", verify=False)


def test_weights_behind_a_cast_are_constant_for_hints() -> None:
    """What is said of a GRU that is left is no computed weight, where a Cast of a constant stands before it."""
    model = batch_first((5, 3, 4), "Z = Cast <to = 10> (X)")
    for node in model.graph.node:
        if node.op_type == "GRU":
            node.input[1], node.input[2], node.input[3] = "W16", "R16", "B16"
    for name in "WRB":
        model.graph.node.insert(0, onnx.helper.make_node("Cast", [name], [f"{name}16"], to=onnx.TensorProto.FLOAT16))
    model.graph.node.append(onnx.helper.make_node("Cast", ["out"], ["wide"], to=onnx.TensorProto.FLOAT))
    model.graph.output[0].name = "wide"
    with pytest.raises(gru_lower.Remaining) as caught:
        gru_lower.lower(model, target="onnx2tf", verify=False)
    assert "float16" in str(caught.value)
    assert "computed weights" not in str(caught.value)
