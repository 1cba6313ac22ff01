"""Proofs: what lowering writes is the operator, over the reals; what is not is never called so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.graph import model as graph_model
from gru_lower.graph.scopes import walk
from gru_lower.proving.prove import prove
from lowering import run
from strategies import UNBOUNDED, WEIGHTS, random_case

if TYPE_CHECKING:
    from gru_lower.api.shared_options import Form, ZeroLengthState
    from gru_lower.proving.prove import Proof

PACKINGS = ("none", "inside", "fused", "double", "triple", "block", "block-fused")


def proofs(original: onnx.ModelProto, rewritten: onnx.ModelProto) -> list[Proof]:
    """Prove a pair of models."""
    return prove(*(graph_model.parse(model.SerializeToString()) for model in (original, rewritten)))


def lowered(model: onnx.ModelProto, form: str, packing: str = "plain") -> onnx.ModelProto:
    made: onnx.ModelProto = gru_lower.lower(
        model, passes=f"lower-gru{{form={form},packing={packing}}}", verify=False
    ).model
    return made


@pytest.mark.parametrize(("form", "packing"), [("unroll", "none"), ("loop", "none"), *(("scan", p) for p in PACKINGS)])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_lowered_is_proved(form: str, packing: str, seed: int) -> None:
    """Whatever the direction, layout, clip and zero_length_state, with and without sequence_lens."""
    masked = {} if seed % 2 else {"sequence_lens": None}
    case = random_case(
        np.random.default_rng(seed), opset=17, dtype=np.float32, constants=WEIGHTS, static=form == "unroll" or seed % 3,
        activations=None, I=3, H=4, N=1 + seed // 4, T=1 + seed % 4, **masked,
    )  # fmt: skip
    model = case.model()
    for proof in proofs(model, lowered(model, form, packing)):
        assert proof.proved, (case, proof)


@pytest.mark.parametrize(("form", "packing"), [("unroll", "none"), ("loop", "none"), *(("scan", p) for p in PACKINGS)])
@pytest.mark.parametrize("candidate", UNBOUNDED)
def test_large_candidates_are_proved_too(form: str, packing: str, candidate: str) -> None:
    """Their states are written as (1 - z) ∘ ht + z ∘ H, which multiplies out to the same."""
    case = random_case(
        np.random.default_rng(len(packing)), opset=17, dtype=np.float32, constants=WEIGHTS, static=form == "unroll",
        activations=["Sigmoid", candidate], direction="forward", sequence_lens=None, I=3, H=4, N=2, T=3,
    )  # fmt: skip
    model = case.model()
    for proof in proofs(model, lowered(model, form, packing)):
        assert proof.proved, (case, proof)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [7, 8, 9, 10])
@pytest.mark.parametrize("form", ["unroll", "loop", "auto"])
@pytest.mark.parametrize("candidate", ["Tanh", "Relu"])
def test_lengths_of_old_opsets_are_proved(opset: int, form: str, candidate: str) -> None:
    """Counting Loops and NonZero for Range, Gather for Where."""
    for seed in range(6):
        case = random_case(
            np.random.default_rng(seed), opset=opset, dtype=np.float32, constants=WEIGHTS, static=form == "unroll",
            activations=["Sigmoid", candidate], direction=("forward", "reverse")[seed % 2], sequence_lens="ragged",
            outputs=(("Y", "Y_h"), ("Y",), ("Y_h",))[seed % 3], layout=None, I=3, H=4, N=2, T=3,
        )  # fmt: skip
        model = case.model()
        for proof in proofs(model, lowered(model, form, "none")):
            assert proof.proved, (case, proof)


@pytest.mark.parametrize("wrong", ["numbers", "rows", "counting"])
def test_rows_chosen_otherwise_are_not_proved(wrong: str) -> None:
    """Below opset 9: numbers that count from elsewhere, rows in another order, a Loop that counts by twos."""
    case = random_case(
        np.random.default_rng(3), opset=8, dtype=np.float32, constants=WEIGHTS, static=False, direction="forward",
        activations=["Sigmoid", "Relu"], sequence_lens="ragged", outputs=("Y", "Y_h"), initial_h=True, layout=None,
        I=3, H=4, N=2, T=3, clip=None,
    )  # fmt: skip
    model = case.model()
    made = lowered(model, "loop", "none")
    nodes = {node.output[-1]: node for scope in walk(made) for node in scope.nodes}
    if wrong == "numbers":
        node = next(node for name, node in nodes.items() if name.endswith("/sequence_numbers_from_1"))
        node.op_type = "Sub"
    elif wrong == "rows":
        node = next(node for name, node in nodes.items() if name.endswith("/Ht_valid_from"))
        node.input[:] = reversed(node.input)
    else:
        node = next(node for name, node in nodes.items() if name.endswith("_next"))
        node.input[1] = node.input[0]
    assert not all(proof.proved for proof in proofs(model, made))


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_an_output_that_nobody_uses_is_none(form: str) -> None:
    """Exporters name both outputs, whatever is read of them; and only the batch is open."""
    model = onnx.load(Path(__file__).parents[1] / "fixtures" / "digits_gru.onnx")
    for proof in proofs(model, lowered(model, form, "none" if form == "unroll" else "fused")):
        assert proof.proved, proof


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_weights_need_not_be_constant(form: str) -> None:
    case = random_case(
        np.random.default_rng(5), opset=17, dtype=np.float32, constants=(), static=True, activations=None, bias=True,
        direction="forward", I=3, H=4, N=2, T=3,
    )  # fmt: skip
    model = case.model()
    for proof in proofs(model, lowered(model, form)):
        assert proof.proved, (case, proof)


def test_an_empty_sequence_keeps_its_state_only_where_that_is_asked_for() -> None:
    case = random_case(
        np.random.default_rng(0), opset=17, dtype=np.float32, constants=WEIGHTS, static=True, activations=None,
        sequence_lens="ragged", initial_h=True, outputs=("Y", "Y_h"), I=3, H=4, N=2, T=3,
    )  # fmt: skip
    model = case.model()
    states: tuple[ZeroLengthState, ...] = ("zero", "initial")
    for state, other in zip(states, reversed(states), strict=True):
        made = gru_lower.lower(model, form="loop", zero_length_state=state, verify=False).model
        pair = [graph_model.parse(each.SerializeToString()) for each in (model, made)]
        assert all(proof.proved for proof in prove(*pair, zero_length_state=state))
        assert not any(proof.proved for proof in prove(*pair, zero_length_state=other))


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_no_mutant_is_proved(form: str) -> None:
    """Any change of a constant, an operator or an edge that changes the result keeps it from being proved."""
    case = random_case(
        np.random.default_rng(2), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens=None, static=True,
        activations=None, clip=None, direction="forward", initial_h=True, layout=None, I=3, H=4, N=2, T=3,
    )  # fmt: skip
    model = case.model()
    made = lowered(model, form)
    assert all(proof.proved for proof in proofs(model, made))
    for mutant in mutants(made):
        assert not any(proof.proved for proof in proofs(model, mutant))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_a_mutant_with_masks_is_proved_only_if_it_computes_the_same(form: str) -> None:
    """Some change nothing: what a closed gate keeps out may be anything."""
    case = random_case(
        np.random.default_rng(4), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens="ragged", static=True,
        activations=None, clip=None, direction="reverse", initial_h=True, layout=None, nan_padding=False,
        outputs=("Y", "Y_h"), I=2, H=3, N=3, T=4,
    )  # fmt: skip
    model, feeds = case.model(), case.feeds()
    made = lowered(model, form, "fused")
    assert all(proof.proved for proof in proofs(model, made))
    cases = [{**feeds, "sequence_lens": np.array(lens, np.int32)} for lens in ([4, 2, 0], [1, 3, 4], [0, 4, 1])]
    wanted = [run(made, given) for given in cases]
    shown = 0
    for mutant in [*mutants(made), *moved(made)]:
        if not all(proof.proved for proof in proofs(model, mutant)):
            continue
        shown += 1
        for given, outputs in zip(cases, wanted, strict=True):
            for name, value in run(mutant, given).items():
                np.testing.assert_allclose(value, outputs[name], atol=1e-5)
    assert shown < 8


@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
@pytest.mark.parametrize("steps", [1, 4])
def test_outputs_that_are_not_0_past_the_length_are_not_proved(form: str, steps: int) -> None:
    case = random_case(
        np.random.default_rng(6), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens="ragged", static=True,
        activations=None, clip=None, direction="forward", initial_h=True, layout=None, outputs=("Y", "Y_h"),
        I=2, H=3, N=3, T=steps,
    )  # fmt: skip
    model = case.model()
    made = lowered(model, form)
    assert all(proof.proved for proof in proofs(model, made))
    for node in made.graph.node:
        if node.op_type == "Gather" and node.input[1].endswith(("valid_rows", "valid_rows_1")):
            rows = next(other for other in made.graph.node if node.input[0] in other.output)
            if rows.input[0].endswith(("H_all", "Ht", "Y_valid_in")):
                node.CopyFrom(helper.make_node("Identity", [rows.input[0]], list(node.output)))
    assert any(node.op_type == "Identity" for node in made.graph.node)
    assert not any(proof.proved for proof in proofs(model, made))


def moved(model: onnx.ModelProto) -> list[onnx.ModelProto]:
    """Change one whole number, or one comparison, at a time."""
    found = []
    for which, graph in enumerate(all_graphs(model)):
        for index, tensor in enumerate(graph.initializer):
            array = numpy_helper.to_array(tensor)
            for place in range(array.size) if array.dtype.kind == "i" else ():
                copy, changed = copied(model), array.copy()
                changed.flat[place] += 1
                all_graphs(copy)[which].initializer[index].CopyFrom(numpy_helper.from_array(changed, tensor.name))
                found.append(copy)
        for index, node in enumerate(graph.node):
            if node.op_type in ("Less", "Where"):
                copy = copied(model)
                changed_node = all_graphs(copy)[which].node[index]
                changed_node.input[-2], changed_node.input[-1] = node.input[-1], node.input[-2]
                found.append(copy)
    return found


def mutants(model: onnx.ModelProto) -> list[onnx.ModelProto]:
    """Change one thing at a time: another sign, another function, operands exchanged, one weight."""
    found = []
    other = {"Sigmoid": "Tanh", "Tanh": "Sigmoid", "Add": "Sub", "Sub": "Add", "Mul": "Add"}
    graphs = [0, *range(1, len(all_graphs(model)))]
    for which in graphs:
        for index, node in enumerate(all_graphs(model)[which].node):
            floats = node.op_type in other and not any("trip" in name or name.endswith("/t") for name in node.input)
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


def test_a_state_that_is_a_sum_of_other_things_is_no_step() -> None:
    """-∞ + update for ht + update: something the packing of no GRU explains, which is a verdict and no accident."""
    case = random_case(
        np.random.default_rng(1), opset=17, dtype=np.float32, direction="bidirectional", layout=None, clip=None,
        activations=None, linear_before_reset=0, constants=WEIGHTS, bias=True, static=True, initial_h=True,
        outputs=("Y",), sequence_lens="ragged", I=2, H=3, N=3, T=4,
    )  # fmt: skip
    model = case.model()
    spoilt = lowered(model, "unroll")
    node = next(node for node in spoilt.graph.node if node.output[0].endswith("reverse_t2/Ht"))
    closed = next(t for t in spoilt.graph.initializer if np.isneginf(numpy_helper.to_array(t)).all())
    node.input[0] = closed.name
    (proof,) = proofs(model, spoilt)
    assert not proof.proved


@pytest.mark.slow
@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_other_projects_vectors_are_proved(shared: Path, form: Form) -> None:
    shown = 0
    for folder in sorted((shared / "suites").glob("*/*")):
        model = onnx.load(folder / "model.onnx")
        result = gru_lower.lower(model, form=form, verify=False)
        if any(site.action == "kept" for site in result.report.sites):
            continue
        for proof in proofs(model, result.model):
            assert proof.proved, (folder.name, proof)
            shown += 1
    assert shown >= 35


def test_the_grus_of_real_models_are_proved(shared: Path) -> None:
    """All but one of 20, whose initial_h has a batch of 1 and whose X an open one."""
    reasons = []
    for path in sorted((shared / "models").glob("*/model.onnx")):
        model = onnx.load(path)
        result = gru_lower.lower(path, verify=False)
        if any(site.action == "lowered" for site in result.report.sites):
            reasons += [proof.reason for proof in proofs(model, result.model)]
    assert reasons.count("") >= 20
    assert len([reason for reason in reasons if reason]) <= 1


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
