"""Proofs: what lowering writes is the operator, over the reals; what is not is never called so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import gru_lower
from gru_lower.graph import model as graph_model
from gru_lower.passes.prove import prove
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.passes.prove import Proof

UNPROVED = {
    "W is not constant",
    "R is not constant",
    "B is not constant",
    "sequence_lens decide step by step",
}
"""What proofs do not cover, and say so."""


def proofs(original: onnx.ModelProto, rewritten: onnx.ModelProto) -> list[Proof]:
    """Prove a pair of models."""
    return prove(*(graph_model.parse(model.SerializeToString()) for model in (original, rewritten)))


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_lowered_is_proved(form: str, seed: int) -> None:
    case = random_case(
        np.random.default_rng(seed), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens=None, static=True,
        activations=None, I=3, H=4, N=2, T=3 + seed % 3,
    )  # fmt: skip
    model = case.model()
    lowered = gru_lower.lower(model, passes=f"lower-gru{{form={form},packing=plain}}", verify=False).model
    for proof in proofs(model, lowered):
        assert proof.proved, proof


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_no_mutant_is_proved(form: str) -> None:
    """Any change of a constant, an operator or an edge that changes the result keeps it from being proved."""
    case = random_case(
        np.random.default_rng(2), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens=None, static=True,
        activations=None, clip=None, direction="forward", initial_h=True, layout=None, I=3, H=4, N=2, T=3,
    )  # fmt: skip
    model = case.model()
    lowered = gru_lower.lower(model, passes=f"lower-gru{{form={form},packing=plain}}", verify=False).model
    assert all(proof.proved for proof in proofs(model, lowered))
    for mutant in mutants(lowered):
        assert not any(proof.proved for proof in proofs(model, mutant))


def mutants(model: onnx.ModelProto) -> list[onnx.ModelProto]:
    """Change one thing at a time: another sign, another function, operands exchanged, one weight."""
    found = []
    other = {"Sigmoid": "Tanh", "Tanh": "Sigmoid", "Add": "Sub", "Sub": "Add", "Mul": "Add"}
    graphs = [0, *range(1, len(all_graphs(model)))]
    for which in graphs:
        for index, node in enumerate(all_graphs(model)[which].node):
            floats = node.op_type in other and not any("trip" in name or name[-2:] == "/t" for name in node.input)
            if floats and "last_t" not in node.output[0] and not node.output[0].endswith("/t"):
                copy = copied(model)
                all_graphs(copy)[which].node[index].op_type = other[node.op_type]
                found.append(copy)
        for index, tensor in enumerate(all_graphs(model)[which].initializer):
            array = numpy_helper.to_array(tensor)
            if array.dtype == np.float32 and array.size > 1:
                copy = copied(model)
                changed = array.copy()
                changed.flat[-1] += 0.5
                all_graphs(copy)[which].initializer[index].CopyFrom(numpy_helper.from_array(changed, tensor.name))
                found.append(copy)
    assert len(found) > 8
    return found


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def all_graphs(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    """Return the main graph and the bodies in it."""
    bodies = [a.g for node in model.graph.node for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return [model.graph, *bodies]


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_other_projects_vectors_are_proved(shared: Path, form: str) -> None:
    shown = 0
    for folder in sorted((shared / "suites").glob("*/*")):
        model = onnx.load(folder / "model.onnx")
        result = gru_lower.lower(model, passes=f"lower-gru{{form={form},packing=plain}}", verify=False)
        if any(site.action == "kept" for site in result.report.sites):
            continue
        for proof in proofs(model, result.model):
            assert proof.proved or proof.reason in UNPROVED, (folder.name, proof)
            shown += proof.proved
    assert shown >= 20


def test_verify_tells_what_was_proved(tmp_path: Path) -> None:
    case = random_case(
        np.random.default_rng(3), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens=None, static=True,
        activations=None, I=3, H=4, N=2, T=3,
    )  # fmt: skip
    original, lowered = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(case.model(), original)
    onnx.save(gru_lower.lower(original, form="loop", verify=False).model, lowered)
    assert gru_lower.verify(original, lowered, prove=True).proved
    assert not gru_lower.verify(original, lowered).proved
    assert not gru_lower.verify(original, original, prove=True).proved
