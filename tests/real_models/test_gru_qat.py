"""gru-qat's layers: those that round weights and states to int8 stay, those of float32 are fused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_fused, hold_stays

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


def exported(bits: int, exporter: str, folder: Path, **more: Any) -> tuple[Path, dict[str, Any]]:
    import torch
    from gru_qat import GRULayer, QuantizerConfig, QuantRecipe

    torch.manual_seed(0)
    weight, other = QuantizerConfig(bits=bits, axis=0), QuantizerConfig(bits=bits)
    layer = GRULayer(8, 16, QuantRecipe(weight=weight, input_act=other, hidden=other), **more)
    layer.calibrate([torch.randn(6, 2, 8) for _ in range(8)], n_batches=8)
    layer.freeze()
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((6, 2, 8)), "h": rng.standard_normal((2, 16))}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    return export(layer, feeds, ["y", "h_out"], folder / "layer.onnx", exporter=exporter), feeds


LAYOUTS: list[dict[str, Any]] = [
    {"gate_layout": "split"},
    {"gate_layout": "fused"},
    {"gate_layout": "fused", "pre_batch_input": True},
]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bits", [8, 4])
def test_rounded_stays(bits: int, layout: dict[str, Any], exporter: str, tmp_path: Path) -> None:
    path, _ = exported(bits, exporter, tmp_path, **layout)
    hold_stays(path)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_float32_is_fused(layout: dict[str, Any], exporter: str, tmp_path: Path) -> None:
    path, feeds = exported(32, exporter, tmp_path, **layout)
    hold_fused(path, feeds, {"forward": 1})
