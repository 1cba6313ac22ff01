"""One step whose only output is Y: where the target was measured to be faster so, the node gives Y_h, and Y is that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import gru_lower
from gru_lower.probing.timing.timed_sizes import timed_model
from gru_lower.probing.timing.timed_ways import fits, ways_to_time, written_model
from gru_lower.targets import read_profile
from gru_lower.targets.costs import NODE, Cost, Costs, Size, Way
from gru_lower.targets.write_profile import to_toml
from lowering import run
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

STEP = Size(8, 8, 2, 1, state=True, linear_before_reset=1, only_Y=True)
OF_Y_H = Way(NODE, (("kept_output", "Y_h"),))


def operators(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture
def slow_steps(tmp_path: Path) -> str:
    """A target that takes half for a single step whose Y is taken of its Y_h, and runs right all but layout 1."""
    rows = [
        Cost(way, lbr, steps, (taken, 0, 0, 0, 0, 0))
        for way, taken in {Way(NODE): 1.0, OF_Y_H: 0.5, Way("step"): 0.8}.items()
        for lbr in (0, 1)
        for steps in ("first", "one")
    ]
    profile = replace(read_profile.load("onnxruntime"), name="slow", costs=Costs("7", "here", tuple(rows)))
    path = tmp_path / "slow.toml"
    path.write_text(to_toml(profile), encoding="utf-8")
    return str(path)


KINDS: list[dict[str, Any]] = [
    {},
    {"linear_before_reset": 0},
    {"direction": "reverse"},
    {"direction": "bidirectional"},
    {"direction": "bidirectional", "initial_h": True},
    {"initial_h": True, "opset": 11},
    {"opset": 7, "clip": 0.5},
    {"constants": frozenset()},
    {"static": False, "N": 3},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_node_stays_and_the_numbers_do(slow_steps: str, kind: dict[str, Any]) -> None:
    plain: dict[str, Any] = dict.fromkeys(("activations", "clip", "sequence_lens", "layout", "direction"))
    plain |= {"opset": 17, "dtype": np.float32, "static": True, "constants": WEIGHTS, "hidden_size": 8, "H": 8, "T": 1}
    plain |= {"outputs": ("Y",), "bias": True, "initial_h": False, "linear_before_reset": 1}
    given = random_case(np.random.default_rng(4), **{**plain, **kind}).model()
    fixed: dict[str, Any] = {"fix_dims": {"T": 1}} if kind.get("static") is False else {}
    result = gru_lower.lower(given, target=slow_steps, **fixed)
    assert operators(result.model).count("GRU") == 1
    node = next(node for node in result.model.graph.node if node.op_type == "GRU")
    assert (node.output[0], bool(node.output[1])) == ("", True)
    assert result.report.verification.status == "equivalent"
    (site,) = result.report.to_dict()["sites"]
    assert (site["action"], site["expected_time"]["chosen"]) == ("kept", "gru")
    assert site["expected_time"]["ratio"] == {"any": 0.5}
    assert "gru with Y taken of its Y_h: 0.5 of slow's own GRU, measured 7" in site["message"]


@pytest.mark.parametrize("opset", [14, 17])
def test_time_stands_behind_the_batch_where_the_layout_says_so(opset: int) -> None:
    """Onnxruntime takes no layout 1: both are lowered to be run."""
    case = timed_model(replace(STEP, hidden=4, inputs=4), opset)
    case.model.graph.node[0].attribute.append(helper.make_attribute("layout", 1))
    swapped = {name: array.swapaxes(0, 1) for name, array in case.feeds.items()}
    for value in (*case.model.graph.input, *case.model.graph.output):
        for dim, size in zip(
            value.type.tensor_type.shape.dim, (2, 1, 1, 4) if value.name == "Y" else (2, 1, 4), strict=True
        ):
            dim.dim_value = size
    made = written_model(case.model, OF_Y_H, read_profile.load("tract"), opset)
    assert made is not None
    y = run(gru_lower.lower(made, verify=False).model, swapped)["Y"]
    assert not case.fault({"Y": y.transpose(1, 2, 0, 3)})


def test_a_name_that_nothing_reads_is_no_output(slow_steps: str) -> None:
    """Torch's exporter names both outputs."""
    given = timed_model(STEP, 17).model
    given.graph.node[0].output.append("last")
    result = gru_lower.lower(given, target=slow_steps)
    assert [list(node.output) for node in result.model.graph.node] == [["", "last"], ["Y"]]
    assert result.report.verification.status == "equivalent"
    given.graph.output.append(helper.make_tensor_value_info("last", TensorProto.FLOAT, [1, 2, 8]))
    assert operators(gru_lower.lower(given, target=slow_steps, verify=False).model) != ["GRU", "Unsqueeze"]


@pytest.mark.parametrize(
    "size", [replace(STEP, only_Y=False), replace(STEP, length=3, state=False), replace(STEP, length=3)], ids=str
)
def test_what_is_no_single_step_of_y_is_left(slow_steps: str, size: Size) -> None:
    given = timed_model(size, 17).model
    result = gru_lower.lower(given, target=slow_steps, verify=False)
    assert "Unsqueeze" not in operators(result.model) or "GRU" not in operators(result.model)


def test_a_sequence_that_may_be_empty_is_left(slow_steps: str) -> None:
    """Its Y is 0, its Y_h where it began."""
    given = timed_model(STEP, 17).model
    given.graph.node[0].input[4] = "lens"
    given.graph.input.append(helper.make_tensor_value_info("lens", TensorProto.INT32, [2]))
    result = gru_lower.lower(given, target=slow_steps, verify=False)
    assert ("GRU" not in operators(result.model)) or result.model.graph.node[0].output[0]


def test_whoever_prefers_the_node_gets_it_as_it_is(slow_steps: str) -> None:
    given = timed_model(STEP, 17).model
    for made in (
        gru_lower.lower(given, target=slow_steps, prefer="node"),
        gru_lower.legalize(given, target=slow_steps),
    ):
        assert made.model.SerializeToString() == given.SerializeToString()


def test_in_a_body_of_control_flow(slow_steps: str) -> None:
    step = timed_model(STEP, 17)
    inner = helper.make_graph(
        list(step.model.graph.node), "body", [], list(step.model.graph.output), list(step.model.graph.initializer)
    )
    chosen = helper.make_tensor_value_info("chosen", TensorProto.BOOL, [])
    node = helper.make_node("If", ["chosen"], ["out"], then_branch=inner, else_branch=_other(inner))
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, 2, 8])
    graph = helper.make_graph([node], "g", [chosen, *step.model.graph.input], [out])
    given = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    result = gru_lower.lower(given, target=slow_steps)
    assert result.report.verification.status == "equivalent"
    assert all(operators_in(branch) == ["GRU", "Unsqueeze"] for branch in result.model.graph.node[0].attribute)


def _other(graph: Any) -> Any:
    other = type(graph)()
    other.CopyFrom(graph)
    for tensor in other.initializer:
        tensor.name = f"other_{tensor.name}"
    for node in other.node:
        node.name = "other"
        node.input[1:4] = [f"other_{name}" for name in node.input[1:4]]
        node.output[0] = other.output[0].name = "other_Y"
    return other


def operators_in(attribute: Any) -> list[str]:
    return [node.op_type for node in attribute.g.node]


def test_it_is_timed_for_steps_of_y_alone() -> None:
    profile = read_profile.load("tract")
    assert OF_Y_H in ways_to_time(profile)
    assert fits(OF_Y_H, STEP)
    assert not fits(OF_Y_H, replace(STEP, only_Y=False))
    case = timed_model(STEP, 17)
    made = written_model(case.model, OF_Y_H, profile, 17)
    assert made is not None
    assert not case.fault(run(made, case.feeds))


def test_a_profile_cannot_spell_forms_so(slow_steps: str, tmp_path: Path) -> None:
    from pathlib import Path as Place

    text = Place(slow_steps).read_text(encoding="utf-8").replace('form = "step"', 'form = "step"\nkept_output = "Y_h"')
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match="kept_output is nothing that step is spelled with"):
        read_profile.load(str(path))
