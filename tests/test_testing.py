"""assert_equivalent says nothing where models are equal, and all one wants to know where they are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnx_graphsurgeon as gs
import pytest

import gru_lower
from gru_lower.errors import InvalidModel
from gru_lower.testing import assert_equivalent
from test_verify_locate import broken, lowered, stack

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: dict[str, Callable[[onnx.ModelProto], Any]] = {
    "proto": lambda model: model,
    "bytes": lambda model: model.SerializeToString(),
    "graphsurgeon": gs.import_onnx,
    "ir": lambda model: pytest.importorskip("onnx_ir").from_proto(model),
}


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_are_equal_pass_whatever_holds_them(kind: str) -> None:
    model = stack(1)
    assert assert_equivalent(model, KINDS[kind](lowered(model))) is None


def test_a_failure_says_what_differs_where_it_starts_what_would_pass_and_how_to_see_it(tmp_path: Path) -> None:
    model = stack()
    wrong = broken(lowered(model), "gru_1")
    onnx.save(model, tmp_path / "a.onnx")
    onnx.save(wrong, tmp_path / "b.onnx")
    with pytest.raises(AssertionError) as caught:
        assert_equivalent(tmp_path / "a.onnx", str(tmp_path / "b.onnx"), seed=3, err_msg="after lowering")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the models are not equivalent: output 'out' differs at [")
    assert lines[1].startswith("  largest error: 0.")
    assert lines[2].startswith("  worst at out[")
    assert lines[3] == "  they start to differ at GRU main#2:Y1, in value 'Y1'"
    assert lines[4].startswith("  least tolerance that passes on these inputs: atol=0.")
    assert lines[5] == f"  see it with: gru-lower verify {tmp_path / 'a.onnx'} {tmp_path / 'b.onnx'} --seed 3 --reduce"
    assert lines[6] == "after lowering"
    assert len(lines) == 7


def test_the_tolerance_it_names_passes() -> None:
    model = stack()
    wrong = broken(lowered(model), "gru_1")
    with pytest.raises(AssertionError) as caught:
        assert_equivalent(model, wrong, search=20)
    found = gru_lower.verify(model, wrong, search=20)
    assert f"atol={found.least_atol:g} or rtol={found.least_rtol:g}" in str(caught.value)
    assert_equivalent(model, wrong, atol=found.least_atol, search=20)


def test_what_cannot_be_told_does_not_pass() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "my": 1]>
        g (float[n] X) => (float[n] Y) { Y = my.Mystery (X) }"""
    model = onnx.parser.parse_model(text)
    with pytest.raises(AssertionError, match="could not be compared: the original does not run"):
        assert_equivalent(model, model)


def test_models_with_other_outputs_are_not_equal() -> None:
    one, other = stack(1), stack(1, head="labels")
    with pytest.raises(AssertionError, match="not equivalent: output 'out' is float in one model and int64"):
        assert_equivalent(one, other)


def test_a_file_that_is_no_model_is_an_error_and_no_difference(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no such file"):
        assert_equivalent(tmp_path / "a.onnx", tmp_path / "b.onnx")


def test_the_traceback_ends_at_the_caller() -> None:
    text = (Path(gru_lower.__file__).parent / "testing.py").read_text(encoding="utf-8")
    assert "__tracebackhide__ = True" in text
