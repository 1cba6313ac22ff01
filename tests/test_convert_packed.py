"""convert of what a framework's layer only does with the caller's help: lengths in torch, turned sequences in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from gru_lower.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS = """<ir_version: 8, opset_import: ["": 17]>
    g (float[T, N, 2] X, int32[N] lens) => (float[T, 1, N, 1] Y)
    <float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}>
    { Y, Y_h = GRU <hidden_size = 1, linear_before_reset = 1 EXTRA> (X, W, R, , lens) }"""
REVERSE = LENGTHS.replace("EXTRA", ', direction = "reverse"').replace(", int32[N] lens", "").replace(", , lens", "")


def convert(model: str, tmp_path: Path, *words: str) -> int:
    onnx.save(onnx.parser.parse_model(model.replace("EXTRA", "")), tmp_path / "m.onnx")
    return run(["convert", str(tmp_path / "m.onnx"), *words, "-o", str(tmp_path / "w.npz"), "--overwrite"])


def test_a_packed_export_goes_back_to_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(LENGTHS, tmp_path, "--to", "torch") == 2
    assert "--packed" in capsys.readouterr().err
    assert convert(LENGTHS, tmp_path, "--to", "torch", "--packed") == 0
    printed = capsys.readouterr()
    assert "pack_padded_sequence" in printed.err
    assert np.load(tmp_path / "w.npz")["weight_ih_l0"].shape == (3, 2)


def test_a_reverse_layer_goes_to_keras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(REVERSE, tmp_path, "--to", "keras") == 2
    assert "--flipped" in capsys.readouterr().err
    assert convert(REVERSE, tmp_path, "--to", "keras", "--flipped") == 0
    assert "turn it round" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--to", "keras", "--packed"), ("--to", "torch", "--flipped"), ("--from", "torch", "--packed")]
)
def test_what_a_framework_has_no_use_for_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    assert convert(LENGTHS, tmp_path, *words) == 2


def test_a_cell_of_ones_own_in_a_stack_is_refused_by_name() -> None:
    from gru_lower.errors import Unsupported
    from gru_lower.frameworks.descriptions.keras import KERAS
    from gru_lower.frameworks.keras_layers.make_layers import _cells

    stacked = type("StackedRNNCells", (), {"call": lambda self: self, "__module__": "keras.src"})()
    mine = type("MyCell", (), {"__module__": "mine"})()
    vars(stacked)["cells"] = [mine]
    with pytest.raises(Unsupported, match=r"mine\.MyCell"):
        _cells(KERAS, stacked)
