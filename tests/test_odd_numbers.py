"""Numbers that are odd in a model give no warnings of numpy's, whatever the caller has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.cli.main import run
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from pathlib import Path

NINES = "9" * 5000


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
    "words",
    [
        *(("--seed", "-1"), ("--cases", "0"), ("--atol", "nan"), ("--memory", "0"), ("--memory", NINES)),
        *(("--memory", NINES[:400]), ("--fix-dim", f"X:0={NINES}"), ("--fix-dim", f"X:0={NINES[:30]}")),
        *(("--fix-dim", f"X:{NINES}=1"), ("--fix-dim", "X:\N{SUPERSCRIPT TWO}=1"), ("--shape", f"X={NINES}")),
        *(("--shape", "X=-"), ("--set", f"X={'[' * 100_000}"), ("--set", f"X={NINES}"), ("--forbid", "X=\udcff")),
        *(("--forbid", "\udcff"), ("--passes", f"convert-opset{{to={NINES}}}")),
        *(("--passes", "lower-gru," * 50_000), ("--target", "no\0.toml"), ("--inputs", "no\0.npz")),
        ("--passes", "convert-opset{to=\N{SUPERSCRIPT TWO}}"),
    ],
    ids=lambda words: " ".join(words)[:32].encode("ascii", "replace").decode(),
)
def test_options_with_odd_numbers_are_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(zoo.gru_model(initializers=zoo.weights().values()).SerializeToString())
    assert run(["lower", str(path), *words]) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(
    "words", [("--time", f"X:{NINES}"), ("--time", "X:-"), ("--chunk", NINES), ("--context", NINES)]
)
def test_options_of_streaming_with_odd_numbers_are_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(zoo.gru_model(initializers=zoo.weights().values()).SerializeToString())
    assert run(["stream", str(path), *words]) == 2


def test_a_layers_configuration_that_is_nested_without_end_is_a_text(tmp_path: Path) -> None:
    assert run(["convert", str(tmp_path / "w.npz"), "--from", "torch", "--layer-config", f"bias={'[' * 100_000}"]) == 2


def test_lengths_beyond_all_models_are_refused_by_calls() -> None:
    with pytest.raises(Unsupported, match="no axis is longer"):
        gru_lower.lower(zoo.gru_model(shape={"X": ["T", 2, 2]}), fix_dims={"T": 10**30}, verify=False)
