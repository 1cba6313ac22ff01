"""Numbers that are odd in a model give no warnings of numpy's, whatever the caller has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.filterwarnings("error")
def test_numpy_neither_warns_nor_raises() -> None:
    model = zoo.gru_model(initializers=zoo.weights().values())
    none = numpy_helper.from_array(np.zeros((0, 3), np.float32), "none")
    huge = numpy_helper.from_array(np.full(3, 1e30, np.float32), "huge")
    model.graph.initializer.extend([none, huge])
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["none"], ["mean"], axes=[0]),
            helper.make_node("Cast", ["huge"], ["half"], to=TensorProto.FLOAT16),
            helper.make_node("Mul", ["huge", "huge"], ["beyond"]),
        ]
    )
    with np.errstate(all="raise"):
        assert gru_lower.inspect(model).sites
        gru_lower.check(model)
        assert gru_lower.lower(model, verify=False).report.sites


@pytest.mark.parametrize(
    "words", [("--seed", "-1"), ("--cases", "0"), ("--atol", "nan"), ("--memory", "0")], ids=" ".join
)
def test_options_with_odd_numbers_are_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(zoo.gru_model(initializers=zoo.weights().values()).SerializeToString())
    assert run(["lower", str(path), *words]) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]
