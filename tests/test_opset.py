"""--opset: the one edit of a whole model, held to what the model computed before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.gru import reference
from lowering import holds_gru, lower, run
from strategies import GruCase, random_case


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


def test_what_the_converter_loses_is_said() -> None:
    model = old(12).model()
    model.ir_version = 10
    model.graph.node[0].metadata_props.add(key="layer", value="1")
    _, result = lower(model, "convert-opset{to=17}")
    assert [d.code for d in result.diagnostics] == ["GL011"]
    assert "metadata_props of nodes" in result.diagnostics[0].message


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
