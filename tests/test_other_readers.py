"""What other tools read in a lowered model: ONNX's text form, types of a Loop's states, names of bodies and outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import pytest
from onnx import parser, printer

import gru_lower
from gru_lower.graph.scopes import walk
from lowering import run
from strategies import WEIGHTS, GruCase, random_case

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS: tuple[dict[str, Any], ...] = (
    {"direction": "bidirectional", "initial_h": True},
    {"sequence_lens": "ragged", "direction": "reverse"},
    {"static": True, "T": 20, "opset": 13},
    {"opset": 8, "static": False},
)


def case(**knobs: Any) -> GruCase:
    plain = {
        "opset": 17,
        "dtype": np.float32,
        "static": False,
        "layout": None,
        "T": 4,
        "N": 2,
        "H": 4,
        "constants": WEIGHTS,
        "clip": None,
        "activations": None,
    }
    return random_case(np.random.default_rng(5), **{**plain, "outputs": ("Y", "Y_h"), **knobs})


def named(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    for node in model.graph.node:
        node.name = name
    return model


@pytest.mark.parametrize("name", ["/enc/gru", "7.gru:0", "größe", ""])
@pytest.mark.parametrize("form", ["scan", "loop"])
def test_the_text_form_of_a_lowered_model_is_read_back(form: Literal["scan", "loop"], name: str) -> None:
    for knobs in VARIANTS[:3]:
        lowered = gru_lower.lower(named(case(**knobs).model(), name), form=form, verify=False).model
        back = parser.parse_model(printer.to_text(lowered))
        assert [node.op_type for node in back.graph.node] == [node.op_type for node in lowered.graph.node]
        for scope in walk(lowered):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", scope.proto.name), scope.proto.name


@pytest.mark.parametrize("knobs", VARIANTS)
def test_a_loops_states_have_types_that_other_tools_can_cut_at(knobs: dict[str, Any], tmp_path: Path) -> None:
    made = case(**knobs)
    lowered = gru_lower.lower(made.model(), form="loop", verify=False).model
    onnx.checker.check_model(lowered, full_check=True)
    typed = {value.name: value.type.tensor_type for value in lowered.graph.value_info}
    loops = [node for node in lowered.graph.node if node.op_type == "Loop"]
    for name in (name for node in loops for name in node.output):
        assert typed[name].elem_type
        assert typed[name].HasField("shape")
    onnx.save(lowered, tmp_path / "lowered.onnx")
    last = [name for node in loops for name in node.output if name.endswith("/last")]
    cut = [*last, "X"] if knobs.get("sequence_lens") else last
    behind = tmp_path / "behind.onnx"
    onnx.utils.extract_model(tmp_path / "lowered.onnx", behind, cut, list(last))
    onnx.checker.check_model(onnx.load(behind), full_check=True)
    run(lowered, made.feeds())


def outputs_of_grus(model: onnx.ModelProto) -> list[list[str]]:
    return [list(node.output) for scope in walk(model) for node in scope.nodes if node.op_type == "GRU"]


@pytest.mark.parametrize("call", [gru_lower.lower, gru_lower.legalize, gru_lower.fuse])
def test_outputs_that_are_left_out_get_names_if_asked(call: Any) -> None:
    target = {} if call is gru_lower.fuse else {"target": "onnxruntime"}
    plain: dict[str, Any] = {"direction": "forward", "sequence_lens": None, "initial_h": False}
    made = case(static=True, hidden_size=4, outputs=("Y_h",), **plain)
    model = made.model()
    if call is gru_lower.fuse:
        model = gru_lower.lower(model, form="unroll", verify=False).model
    assert [names[0] for names in outputs_of_grus(call(model, **target).model)] == [""]
    result = call(model, **target, name_outputs=True)
    assert result.report.verification.status == "equivalent"
    (names,) = outputs_of_grus(result.model)
    assert all(names)
    assert names[1] == "Y_h"


def test_an_empty_name_at_the_end_is_left_out_for_mnn() -> None:
    model = case(static=True, outputs=("Y",), direction="forward", linear_before_reset=1, bias=True).model()
    model.graph.node[0].output[:] = ["Y", ""]
    legal = gru_lower.legalize(model, target="mnn", verify=False).model
    assert all(all(names) for names in outputs_of_grus(legal))
