"""torchrl's GRU of Python code: unrolled by PyTorch's exporters, or a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_fused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


def layer(**more: Any) -> Any:
    import torch
    from torchrl.modules.tensordict_module.rnn import GRU

    torch.manual_seed(0)
    return GRU(4, 6, batch_first=True, **more)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_fused(layers: int, bias: bool, exporter: str, tmp_path: Path) -> None:  # noqa: FBT001 - pytest hands it in
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((2, 7, 4)), "h": rng.standard_normal((layers, 2, 6))}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    network = layer(num_layers=layers, bias=bias)
    path = export(network, feeds, ["y", "h_out"], tmp_path / "gru.onnx", exporter=exporter)
    hold_fused(path, feeds, {"forward": layers})


def test_scan_fused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((2, 7, 4)), "h": rng.standard_normal((1, 2, 6))}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    network = layer(use_scan=True)  # one layer: several are carried in one value
    path = export(network, feeds, ["y", "h_out"], tmp_path / "gru.onnx", exporter="dynamo")
    hold_fused(path, feeds, {"forward": 1})
